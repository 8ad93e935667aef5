using System.CommandLine;
using System.CommandLine.Invocation;
using Macro.Cli.Commands;
using Macro.Cli.Output;

// Exit codes: 0 done, 1 failed, 2 the command line is wrong.
var root = new RootCommand("Macro VPN: a peer-to-peer VPN. One node is client, relay and exit.")
{
    GlobalOptions.Api,
    GlobalOptions.Json,
};
root.Add(ConnectionCommands.Up());
root.Add(ConnectionCommands.Down());
root.Add(StatusCommands.Status());
root.Add(StatusCommands.Circuit());
root.Add(ServiceCommands.Relay());
root.Add(ServiceCommands.Exit());
root.Add(NetworkCommands.Network());
root.Add(KeysCommands.Keys());
root.Add(DoctorCommand.Doctor());
root.Add(VersionCommand.Version());
root.Add(CompletionCommand.Completion());

var parsed = root.Parse(args);
if (parsed.Action is not ParseErrorAction)
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

foreach (var error in parsed.Errors)
    Console.Error.WriteLine($"macrovpn: {error.Message}");
Console.Error.WriteLine(parsed.CommandResult.Command == root
    ? "See 'macrovpn --help'."
    : $"See 'macrovpn {parsed.CommandResult.Command.Name} --help'.");
return ExitCodes.Usage;
