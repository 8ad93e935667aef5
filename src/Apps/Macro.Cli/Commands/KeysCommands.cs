using System.CommandLine;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn keys show|rotate|backup|restore</summary>
static class KeysCommands
{
    static readonly Option<string> PassphraseFile = new("--passphrase-file")
    {
        Description = "File whose first line is the passphrase of the backup; without it the terminal is asked.",
        HelpName = "FILE",
    };

    public static Command Keys() => new("keys", "The node's keys.") { Show(), Rotate(), Backup(), Restore() };

    static Command Show()
    {
        var command = new Command("show", "Show the public keys.");
        command.Run(async (client, parsed, cancel) => Print(await client.KeysAsync(cancel), parsed));
        return command;
    }

    static Command Rotate()
    {
        var command = new Command("rotate", "Put the next relay key into use now.");
        command.Run(async (client, parsed, cancel) => Print(await client.RotateKeysAsync(cancel), parsed));
        return command;
    }

    static Command Backup()
    {
        var file = new Argument<string>("FILE") { Description = "The file to write; it must not exist." };
        var command = new Command("backup", "Write a copy of the keys, sealed under a passphrase.") { file, PassphraseFile };
        command.Run(async (client, parsed, cancel) =>
        {
            var passphrase = Passphrase(parsed, twice: true);
            var answer = await client.BackupKeysAsync(new BackupRequest { Passphrase = passphrase }, cancel);
            using (var stream = new FileStream(parsed.GetRequiredValue(file), new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
                await stream.WriteAsync(answer.File, cancel);
            return Done(parsed, "backup written; without its passphrase it is worth nothing");
        });
        return command;
    }

    static Command Restore()
    {
        var file = new Argument<string>("FILE") { Description = "A backup." };
        var yes = new Option<bool>("--yes") { Description = "Do not ask." };
        var command = new Command("restore", "Put a backup in the place of the node's keys.") { file, PassphraseFile, yes };
        command.Run(async (client, parsed, cancel) =>
        {
            var backup = await File.ReadAllBytesAsync(parsed.GetRequiredValue(file), cancel);
            if (!parsed.GetValue(yes) && !Terminal.Confirm("The keys in use will be lost. Go on?"))
                return Terminal.Fail(
                    new Problem { Code = ProblemCodes.ConsentNeeded, Message = "The keys stay as they are.", Remedy = "Agree at the prompt, or give --yes." },
                    parsed.GetValue(GlobalOptions.Json));
            var passphrase = Passphrase(parsed, twice: false);
            var done = await client.RestoreKeysAsync(new RestoreRequest { File = backup, Passphrase = passphrase }, cancel);
            return Done(parsed, done.Message ?? "restored");
        });
        return command;
    }

    static int Print(KeysAnswer keys, ParseResult parsed)
    {
        if (parsed.GetValue(GlobalOptions.Json))
            Terminal.Json(keys, ApiJson.Default.KeysAnswer);
        else
            Terminal.Facts(
                ("node", keys.NodeId),
                ("relay key", keys.RelayKey),
                ("next relay key", keys.NextRelayKey),
                ("previous relay key", keys.PreviousRelayKey),
                ("sealed by", keys.SealedBy));
        return ExitCodes.Done;
    }

    static int Done(ParseResult parsed, string text)
    {
        if (parsed.GetValue(GlobalOptions.Json))
            Terminal.Json(new Done { Message = text }, ApiJson.Default.Done);
        else
            Terminal.Step(StepMark.Done, text);
        return ExitCodes.Done;
    }

    /// <exception cref="NodeException">There is none, or what was typed twice differs.</exception>
    static string Passphrase(ParseResult parsed, bool twice)
    {
        if (parsed.GetValue(PassphraseFile) is { } file)
            return File.ReadLines(file).FirstOrDefault() ?? "";
        var passphrase = Terminal.AskSecret("Passphrase of the backup:")
            ?? throw new NodeException(ProblemCodes.BadRequest, "There is no terminal to ask for a passphrase.", "Give --passphrase-file FILE.");
        if (twice && Terminal.AskSecret("The same again:") != passphrase)
            throw new NodeException(ProblemCodes.BadRequest, "The two passphrases differ.", "Try again.");
        return passphrase;
    }
}
