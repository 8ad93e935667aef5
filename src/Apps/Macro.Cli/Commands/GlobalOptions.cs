using System.CommandLine;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>The options of every command, and the frame in which a command runs.</summary>
static class GlobalOptions
{
    public static readonly Option<string> Api = new("--api")
    {
        Description = "The Unix socket of the node.",
        HelpName = "SOCKET",
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "Answer with JSON, one line for each answer.",
        Recursive = true,
    };

    /// <summary>Runs a command against the node; a problem becomes its words and exit code 1.</summary>
    public static void Run(this Command command, Func<NodeClient, ParseResult, CancellationToken, Task<int>> action) =>
        command.SetAction(async (parsed, cancel) =>
        {
            using var client = new NodeClient(parsed.GetValue(Api));
            try
            {
                return await action(client, parsed, cancel);
            }
            catch (NodeException e)
            {
                return Terminal.Fail(e.Problem, parsed.GetValue(Json));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Terminal.Fail(
                    new Problem
                    {
                        Code = e is UnauthorizedAccessException ? ProblemCodes.NotPermitted : ProblemCodes.File,
                        Message = e.Message,
                        Remedy = "Check the path and its permissions.",
                    },
                    parsed.GetValue(Json));
            }
            catch (OperationCanceledException)
            {
                return ExitCodes.Failed;
            }
        });
}
