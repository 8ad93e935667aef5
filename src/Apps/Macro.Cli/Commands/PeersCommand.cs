using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn peers</summary>
static class PeersCommand
{
    public static Command Peers()
    {
        var command = new Command("peers", "The relays that this node would use, and how it knows that they are genuine.")
        {
            BlockCommands.Block(), BlockCommands.Unblock(), BlockCommands.Blocked(),
        };
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.PeersAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(answer, ApiJson.Default.PeersAnswer);
            else if (answer.Peers.Count == 0)
                Terminal.Line("None yet. They are looked for when a connection is wanted: macrovpn up.");
            else
                Terminal.Rows(["REGION", "CLASS", "VERIFIED", "SEEN", "NODE"], [.. answer.Peers.Select(Row)]);
            return ExitCodes.Done;
        });
        return command;
    }

    static string[] Row(PeerEntry peer) =>
    [
        peer.Region,
        (peer.Exit ? "exit" : peer.Relay ? "relay" : "-")
            + (peer.MegabitsPerSecond > 0 ? string.Create(CultureInfo.InvariantCulture, $" {peer.MegabitsPerSecond} Mbit/s") : ""),
        Words.Of(peer.Verified),
        Words.Of(peer.LastSeen),
        peer.NodeId,
    ];
}
