using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn peers block, unblock, blocked</summary>
static class BlockCommands
{
    public static Command Block() => Make(
        "block", "Use these relays in no circuit.", (client, rule, cancel) => client.BlockAsync(new BlockRequest { Rule = rule }, cancel));

    public static Command Unblock() => Make(
        "unblock", "Use these relays again.", (client, rule, cancel) => client.UnblockAsync(new BlockRequest { Rule = rule }, cancel));

    public static Command Blocked()
    {
        var command = new Command("blocked", "Show which relays are used in no circuit, and why.");
        command.Run(async (client, parsed, cancel) => Show(await client.BlockedAsync(cancel), parsed.GetValue(GlobalOptions.Json)));
        return command;
    }

    static Command Make(string name, string description, Func<NodeClient, string, CancellationToken, Task<BlockedAnswer>> change)
    {
        var rule = new Argument<string>("RULE") { Description = "A node id, a network (192.0.2.0/24), a country (CH) or a system (AS64496)." };
        var command = new Command(name, description) { rule };
        command.Run(async (client, parsed, cancel) =>
            Show(await change(client, parsed.GetRequiredValue(rule), cancel), parsed.GetValue(GlobalOptions.Json)));
        return command;
    }

    static int Show(BlockedAnswer answer, bool json)
    {
        if (json)
            Terminal.Json(answer, ApiJson.Default.BlockedAnswer);
        else if (answer.Rules.Count + answer.Automatic.Count == 0)
            Terminal.Line("No relay is blocked.");
        else
            Terminal.Rows(
                ["BLOCKED", "FOR", "RELAYS"],
                [
                    .. answer.Rules.Select(rule => new[] { "by you", "-", rule }),
                    .. answer.Automatic.Select(relay => new[] { Words.Of(relay.Reason), string.Create(CultureInfo.InvariantCulture, $"{relay.HoursLeft} h"), relay.NodeId }),
                ]);
        return ExitCodes.Done;
    }
}
