using System.CommandLine;
using Macro.Api;
using Macro.Cli.Node;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn relay on|off, macrovpn exit on|off</summary>
static class ServiceCommands
{
    public static Command Relay()
    {
        var on = new Command("on", "Carry other people's traffic between relays.");
        on.Run(async (client, parsed, cancel) =>
        {
            await NodeStarter.EnsureAsync(client, () => { }, cancel);
            StatusCommands.Show(await client.RelayAsync(new RelayRequest { Enabled = true }, cancel), parsed.GetValue(GlobalOptions.Json));
            return ExitCodes.Done;
        });
        var off = new Command("off", "Stop relaying.");
        off.Run(async (client, parsed, cancel) =>
        {
            StatusCommands.Show(await client.RelayAsync(new RelayRequest { Enabled = false }, cancel), parsed.GetValue(GlobalOptions.Json));
            return ExitCodes.Done;
        });
        return new Command("relay", "Be a relay, or not.") { on, off };
    }

    public static Command Exit()
    {
        var yes = new Option<bool>("--yes") { Description = "I know what an exit is, and I agree." };
        var on = new Command("on", "Send other people's traffic to the Internet from here.") { yes };
        on.Run(async (client, parsed, cancel) =>
        {
            if (!parsed.GetValue(yes))
            {
                Terminal.Notice(ExitConsent.Text);
                if (!Terminal.Confirm("Shall this node be an exit?"))
                    return Terminal.Fail(
                        new Problem { Code = ProblemCodes.ConsentNeeded, Message = "This node does not become an exit.", Remedy = "Agree at the prompt, or give --yes." },
                        parsed.GetValue(GlobalOptions.Json));
            }
            await NodeStarter.EnsureAsync(client, () => { }, cancel);
            var status = await client.ExitAsync(new ExitRequest { Enabled = true, Consent = true }, cancel);
            StatusCommands.Show(status, parsed.GetValue(GlobalOptions.Json));
            return ExitCodes.Done;
        });
        var off = new Command("off", "Stop being an exit.");
        off.Run(async (client, parsed, cancel) =>
        {
            StatusCommands.Show(await client.ExitAsync(new ExitRequest { Enabled = false }, cancel), parsed.GetValue(GlobalOptions.Json));
            return ExitCodes.Done;
        });
        return new Command("exit", "Be an exit, or not.") { on, off };
    }
}
