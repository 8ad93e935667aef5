using System.CommandLine;
using Macro.Api;
using Macro.Cli.Node;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn up, macrovpn down</summary>
static class ConnectionCommands
{
    const int MostRegions = 16;

    public static Command Up()
    {
        var mode = new Option<string>("--mode") { Description = "speed (1 hop), balanced (2), private or paranoid (3)." };
        mode.AcceptOnlyFromAmong("speed", "balanced", "private", "paranoid");
        var exit = new Option<string>("--exit") { Description = "Countries of the exit by preference, as in CH or CH,NL,any; or any.", HelpName = "REGION" };
        exit.Validators.Add(result =>
        {
            var regions = (result.GetValueOrDefault<string>() ?? "").Split(',', StringSplitOptions.TrimEntries);
            var countries = regions[^1] == "any" ? regions[..^1] : regions;
            if (regions.Length > MostRegions || !countries.All(country => country is [var a, var b] && char.IsAsciiLetter(a) && char.IsAsciiLetter(b)))
                result.AddError($"--exit expects two letters as in CH, several (at most {MostRegions}) as in CH,NL,any, or any.");
        });
        var wait = new Option<bool>("--wait") { Description = "Show the phases and return when traffic flows." };
        var timeout = new Option<int>("--timeout") { Description = "Seconds that --wait waits.", DefaultValueFactory = _ => 60, HelpName = "SECONDS" };
        timeout.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && (!int.TryParse(token.Value, out var seconds) || seconds is < 1 or > 86400))
                result.AddError("--timeout expects 1 to 86400 seconds.");
        });
        var command = new Command("up", "Connect: send traffic through a circuit.") { mode, exit, wait, timeout };
        command.Run(async (client, parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            var request = new UpRequest
            {
                Mode = parsed.GetValue(mode) is { } word ? Enum.Parse<Mode>(word, ignoreCase: true) : null,
                ExitRegion = parsed.GetValue(exit),
            };
            await NodeStarter.EnsureAsync(client, () => Begun(json, "starting the node"), cancel);
            var status = parsed.GetValue(wait)
                ? await ConnectAsync(client, request, TimeSpan.FromSeconds(parsed.GetValue(timeout)), json, cancel)
                : await client.UpAsync(request, cancel);
            return Conclude(status, json);
        });
        return command;
    }

    public static Command Down()
    {
        var command = new Command("down", "Disconnect: take device, routes and rules away.");
        command.Run(async (client, parsed, cancel) =>
        {
            var status = await client.DownAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(status, ApiJson.Default.Status);
            else
                Terminal.Step(StepMark.Done, "off");
            return ExitCodes.Done;
        });
        return command;
    }

    /// <summary>Watches first and asks then, so that no phase passes unseen.</summary>
    static async Task<Status> ConnectAsync(NodeClient client, UpRequest request, TimeSpan patience, bool json, CancellationToken cancel)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limited.CancelAfter(patience);
        try
        {
            await using var watch = client.WatchAsync(limited.Token).GetAsyncEnumerator(limited.Token);
            await watch.MoveNextAsync();
            var begun = IsUnderWay(watch.Current);
            var status = await client.UpAsync(request, limited.Token);
            if (!IsUnderWay(status))
                return status;
            var (phase, source) = (ConnectPhase.None, default(SearchSource?));
            while (await watch.MoveNextAsync())
            {
                status = watch.Current;
                begun |= IsUnderWay(status);
                if (begun && status.Phase != phase && IsUnderWay(status))
                    Begun(json, Words.Of(status.Phase));
                phase = status.Phase;
                if (begun && status.Searching is { } searching && searching != source && phase == ConnectPhase.FindingRelays)
                    Begun(json, $"asking {Words.Of(searching)}");
                source = status.Searching;
                if (begun && !IsUnderWay(status))
                    return status;
            }
            throw new NodeException(ProblemCodes.NotRunning, "The node stopped.", Problem.ReportRemedy);
        }
        catch (OperationCanceledException e) when (!cancel.IsCancellationRequested)
        {
            throw new NodeException(
                ProblemCodes.Timeout, "No circuit stands yet; the node goes on trying.", "See 'macrovpn status --watch', or give --timeout more seconds.", e);
        }
    }

    static bool IsUnderWay(Status status) => status.State is ConnectionState.Connecting or ConnectionState.Reconnecting;

    static int Conclude(Status status, bool json)
    {
        if (json)
            Terminal.Json(status, ApiJson.Default.Status);
        switch (status.State)
        {
            case ConnectionState.Active:
                if (!json)
                    Terminal.Step(StepMark.Done, StatusCommands.Summary(status));
                return ExitCodes.Done;
            case ConnectionState.Connecting or ConnectionState.Reconnecting:
                if (!json)
                    Terminal.Step(StepMark.Begun, "connecting; follow it with 'macrovpn status --watch'");
                return ExitCodes.Done;
            default:
                if (json)
                    return ExitCodes.Failed;
                Terminal.Fail(status.Problem ?? new Problem { Code = ProblemCodes.Internal, Message = "The node did not connect." }, json: false);
                if (status.State == ConnectionState.Waiting)
                    Terminal.Notice("The node goes on trying, and lets nothing out beside; 'macrovpn down' ends that.");
                return ExitCodes.Failed;
        }
    }

    static void Begun(bool json, string text)
    {
        if (!json)
            Terminal.Step(StepMark.Begun, text);
    }
}
