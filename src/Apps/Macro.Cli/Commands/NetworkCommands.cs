using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Node;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn network status|create|leave|show|export|import</summary>
static class NetworkCommands
{
    public static Command Network() => new("network", "The relays that this node knows.") { Status(), Create(), Leave(), Show(), Export(), Import() };

    static Command Status()
    {
        var command = new Command("status", "How well this node knows its network.");
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.NetworkStatusAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.NetworkStatusAnswer);
                return ExitCodes.Done;
            }
            Terminal.Facts(
                ("network", $"{answer.Name} ({Words.Of(answer.Kind)})"),
                ("relays", string.Create(CultureInfo.InvariantCulture, $"{answer.Relays} known, {answer.Exits} of them exits; about {answer.EstimatedRelays} in all")),
                ("epoch", answer.Kind == NetworkKind.Static ? null : answer.Epoch.ToString(CultureInfo.InvariantCulture)),
                ("agreement", answer.RootAgreement is { } share ? string.Create(CultureInfo.InvariantCulture, $"{share:P0} between the directories of {answer.RootsCompared} relays") : null),
                ("looking in", answer.Searching is { } source ? Words.Of(source) : null),
                ("found by", answer.FoundBy is { } found ? Words.Of(found) : null),
                ("DHT", answer.Kind == NetworkKind.Static ? null : answer.DhtEnabled ? string.Join("; ", answer.Dht.Select(Describe)) : "off"));
            foreach (var warning in answer.Warnings)
                Terminal.Step(StepMark.Wrong, warning);
            return ExitCodes.Done;
        });
        return command;
    }

    static string Describe(DhtFamily family) => string.Create(CultureInfo.InvariantCulture,
        $"IPv{family.Family} {family.Health}, {family.Contacts} contacts{(family.EstimatedNodes is { } nodes ? $", about {nodes} nodes" : "")}");

    static Command Create()
    {
        var name = new Argument<string>("NAME") { Description = "1 to 64 bytes; for people." };
        var command = new Command("create", "Make a network of your own and move this node into it. Invite others with 'macrovpn invite'.") { name };
        command.Run(async (client, parsed, cancel) =>
        {
            await NodeStarter.EnsureAsync(client, () => { }, cancel);
            return InviteCommands.Joined(await client.CreateNetworkAsync(new CreateNetworkRequest { Name = parsed.GetRequiredValue(name) }, cancel), parsed);
        });
        return command;
    }

    static Command Leave()
    {
        var command = new Command("leave", "Forget the network that was joined or made, and go back to that of the settings.");
        command.Run(async (client, parsed, cancel) => InviteCommands.Joined(await client.LeaveNetworkAsync(cancel), parsed));
        return command;
    }

    static Command Show()
    {
        var command = new Command("show", "List the relays.");
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.NetworkAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.NetworkAnswer);
                return ExitCodes.Done;
            }
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Network {answer.Name}{(answer.Static ? " (static)" : "")}: {answer.Relays.Count} relays"));
            if (answer.Relays.Count > 0)
                Terminal.Rows(["NODE", "REGION", "PART", "ENDPOINTS"], [.. answer.Relays.Select(Row)]);
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Export()
    {
        var file = new Argument<string>("FILE") { Description = "Where to write; '-' or nothing: standard output.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("export", "Write a directory file: the relays known here, and this node if it is one.") { file };
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.ExportNetworkAsync(cancel);
            if (parsed.GetValue(file) is { } path and not "-")
            {
                await File.WriteAllTextAsync(path, answer.Text, cancel);
                if (parsed.GetValue(GlobalOptions.Json))
                    Terminal.Json(new Done(), ApiJson.Default.Done);
            }
            else if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(answer, ApiJson.Default.DirectoryText);
            else
                Console.Write(answer.Text);
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Import()
    {
        var file = new Argument<string>("FILE") { Description = "A directory file; '-': standard input." };
        var command = new Command("import", "Take in the relays of a directory file.") { file };
        command.Run(async (client, parsed, cancel) =>
        {
            var path = parsed.GetRequiredValue(file);
            var text = path == "-" ? await Console.In.ReadToEndAsync(cancel) : await File.ReadAllTextAsync(path, cancel);
            var answer = await client.ImportNetworkAsync(new DirectoryText { Text = text }, cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.ImportAnswer);
                return ExitCodes.Done;
            }
            Terminal.Step(StepMark.Done, string.Create(CultureInfo.InvariantCulture, $"{answer.Added} new, {answer.Known} known already"));
            foreach (var refused in answer.Refused)
                Terminal.Step(StepMark.Wrong, refused);
            return ExitCodes.Done;
        });
        return command;
    }

    static string[] Row(RelayEntry relay) =>
    [
        relay.NodeId,
        relay.Region,
        (relay.Exit ? "exit" : relay.Relay ? "relay" : "-") + (relay.Self ? " (this node)" : ""),
        string.Join(' ', relay.Endpoints),
    ];
}
