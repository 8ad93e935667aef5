using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Node;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn invite, macrovpn join</summary>
static class InviteCommands
{
    public static Command Invite()
    {
        var qr = new Option<bool>("--qr") { Description = "Draw it for a telephone's camera, too." };
        var command = new Command("invite", "Make a link by which others join this network.") { qr };
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.InviteAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.InviteAnswer);
                return ExitCodes.Done;
            }
            if (parsed.GetValue(qr))
                foreach (var line in QrPicture.Of(answer.Link))
                    Terminal.Line(line);
            Terminal.Line(answer.Link);
            Terminal.Notice(string.Create(CultureInfo.InvariantCulture,
                $"Whoever has this link is a member of '{answer.Network}'. It names {answer.Relays} relays. To use it: macrovpn join LINK"));
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Join()
    {
        var link = new Argument<string>("LINK") { Description = "An invite link; '-': read it from standard input, where no list of processes shows it." };
        var command = new Command("join", "Move this node into the network of an invite link.") { link };
        command.Run(async (client, parsed, cancel) =>
        {
            var text = parsed.GetRequiredValue(link);
            if (text == "-")
                text = await Console.In.ReadLineAsync(cancel) ?? "";
            await NodeStarter.EnsureAsync(client, () => { }, cancel);
            return Joined(await client.JoinNetworkAsync(new JoinRequest { Link = text.Trim() }, cancel), parsed);
        });
        return command;
    }

    public static int Joined(JoinAnswer answer, ParseResult parsed)
    {
        if (parsed.GetValue(GlobalOptions.Json))
            Terminal.Json(answer, ApiJson.Default.JoinAnswer);
        else
            Terminal.Step(StepMark.Done, $"this node is in the network '{answer.Network}'");
        return ExitCodes.Done;
    }
}
