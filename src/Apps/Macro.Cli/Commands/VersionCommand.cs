using System.CommandLine;
using System.Reflection;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn version: this program's, and the node's when one runs.</summary>
static class VersionCommand
{
    public static Command Version()
    {
        var command = new Command("version", "Show the versions of this program and of the node.");
        command.Run(async (client, parsed, cancel) =>
        {
            var own = typeof(VersionCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";
            var node = await NodeVersionAsync(client, cancel);
            if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(new VersionAnswer { Program = own, Protocol = 1, Node = node?.Program }, ApiJson.Default.VersionAnswer);
            else
                Terminal.Facts(("macrovpn", own), ("macrovpnd", node?.Program ?? "not running"));
            return ExitCodes.Done;
        });
        return command;
    }

    static async Task<VersionAnswer?> NodeVersionAsync(NodeClient client, CancellationToken cancel)
    {
        try
        {
            return await client.VersionAsync(cancel);
        }
        catch (NodeException)
        {
            return null;
        }
    }
}
