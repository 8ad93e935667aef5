using System.CommandLine;
using System.Diagnostics;
using Macro.Api;
using Macro.Cli.Node;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn stop: ends the node, however it was started. That none runs is no failure.</summary>
static class StopCommand
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Pause = TimeSpan.FromMilliseconds(20);

    public static Command Stop()
    {
        var command = new Command("stop", "Disconnect and end the node.");
        command.Run(async (client, parsed, cancel) =>
        {
            var ran = await NodeStarter.AnswersAsync(client, cancel);
            if (ran)
                await EndAsync(client, cancel);
            if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(new StopAnswer { Running = false }, ApiJson.Default.StopAnswer);
            else
                Terminal.Step(StepMark.Done, ran ? "the node has ended" : "no node runs");
            return ExitCodes.Done;
        });
        return command;
    }

    static async Task EndAsync(NodeClient client, CancellationToken cancel)
    {
        await client.StopAsync(cancel);
        var since = Stopwatch.GetTimestamp();
        while (await NodeStarter.AnswersAsync(client, cancel))
        {
            if (Stopwatch.GetElapsedTime(since) > Patience)
                throw new NodeException(ProblemCodes.Timeout, "The node was asked to end and still answers.", "End macrovpnd with kill, and report it.");
            await Task.Delay(Pause, cancel);
        }
    }
}
