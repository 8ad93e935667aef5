using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
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
root.Add(StopCommand.Stop());
root.Add(StatusCommands.Status());
root.Add(StatusCommands.Circuit());
root.Add(StatusCommands.Proxy());
root.Add(ServiceCommands.Relay());
root.Add(ServiceCommands.Exit());
root.Add(PeersCommand.Peers());
root.Add(NetworkCommands.Network());
root.Add(InviteCommands.Invite());
root.Add(InviteCommands.Join());
root.Add(KeysCommands.Keys());
root.Add(DoctorCommand.Doctor());
root.Add(NetcheckCommand.Netcheck());
root.Add(VersionCommand.Version());
root.Add(CompletionCommand.Completion());

var parsed = root.Parse(args);
if (parsed.Action is not ParseErrorAction)
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });

foreach (var error in parsed.Errors)
    Console.Error.WriteLine($"macrovpn: {error.Message}");
var words = new List<string>();
for (var at = parsed.CommandResult; at is not null; at = at.Parent as CommandResult)
    words.Insert(0, at.Command == root ? "macrovpn" : at.Command.Name);
Console.Error.WriteLine($"See '{string.Join(' ', words)} --help'.");
return ExitCodes.Usage;
