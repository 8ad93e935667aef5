using System.CommandLine;
using System.Globalization;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn status, macrovpn circuit, macrovpn proxy</summary>
static class StatusCommands
{
    public static Command Status()
    {
        var watch = new Option<bool>("--watch") { Description = "Go on and show every change, until Ctrl-C." };
        var command = new Command("status", "Show what the node does.") { watch };
        command.Run(async (client, parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            if (!parsed.GetValue(watch))
            {
                Show(await client.StatusAsync(cancel), json);
                return ExitCodes.Done;
            }
            try
            {
                await foreach (var status in client.WatchAsync(cancel))
                {
                    if (json)
                        Terminal.Json(status, ApiJson.Default.Status);
                    else
                        Terminal.Step(Mark(status), Summary(status));
                }
            }
            catch (OperationCanceledException)
            {
                // Ctrl-C is how a watch ends.
            }
            return ExitCodes.Done;
        });
        return command;
    }

    public static Command Circuit()
    {
        var watch = new Option<bool>("--watch") { Description = "Go on and show it as it is, until Ctrl-C." };
        var command = new Command("circuit", "Show the hops of the circuits in use.") { watch, Why() };
        command.Run(async (client, parsed, cancel) =>
        {
            var json = parsed.GetValue(GlobalOptions.Json);
            if (!parsed.GetValue(watch))
            {
                ShowCircuits(await client.CircuitAsync(cancel), json);
                return ExitCodes.Done;
            }
            using var ticks = new PeriodicTimer(TimeSpan.FromSeconds(1));
            using var picture = new Picture();
            try
            {
                do
                {
                    var (status, circuits) = (await client.StatusAsync(cancel), await client.CircuitAsync(cancel));
                    picture.Draw(() =>
                    {
                        if (!json)
                            Terminal.Step(Mark(status), $"{Summary(status)}, {Terminal.Bytes(status.BytesReceived)} received, {Terminal.Bytes(status.BytesSent)} sent");
                        ShowCircuits(circuits, json);
                    });
                }
                while (await ticks.WaitForNextTickAsync(cancel));
            }
            catch (OperationCanceledException)
            {
                // Ctrl-C is how a watch ends.
            }
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Why()
    {
        var command = new Command("why", "Say in words why each hop was chosen.");
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.CircuitWhyAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.WhyAnswer);
                return ExitCodes.Done;
            }
            ShowReasons(answer.Hops, "There is no circuit.");
            for (var i = 0; i < answer.Isolated.Count; i++)
            {
                Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Isolated circuit {i + 1}:"));
                ShowReasons(answer.Isolated[i], "No path is chosen yet.");
            }
            return ExitCodes.Done;
        });
        return command;
    }

    static void ShowReasons(IReadOnlyList<HopReasons> hops, string nothing)
    {
        if (hops.Count == 0)
            Terminal.Line(nothing);
        foreach (var hop in hops)
        {
            Terminal.Line($"{Words.Of(hop.Role)}, {Words.Region(hop.Region)}, {hop.NodeId}");
            foreach (var sentence in hop.Why)
                Terminal.Line("  " + sentence);
        }
    }

    static void ShowCircuits(CircuitAnswer answer, bool json)
    {
        if (json)
        {
            Terminal.Json(answer, ApiJson.Default.CircuitAnswer);
            return;
        }
        ShowHops(answer.Hops, "There is no circuit.");
        for (var i = 0; i < answer.Paths.Count; i++)
        {
            var path = answer.Paths[i];
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Path {i + 1} of {answer.Paths.Count}{(path.Used ? "" : ", not used now")}: {Terminal.Bytes(path.BytesSent)} sent, {Terminal.Bytes(path.BytesReceived)} received"));
            ShowHops(path.Hops, "");
        }
        if (answer.Paths.Count == 0 && answer.Standby.Count > 0)
        {
            Terminal.Line("Second path to the exit:");
            ShowHops(answer.Standby, "");
        }
        for (var i = 0; i < answer.Isolated.Count; i++)
        {
            Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"Isolated circuit {i + 1}{(answer.Isolated[i].Ready ? "" : ", being built")}:"));
            ShowHops(answer.Isolated[i].Hops, "No path is chosen yet.");
        }
        if (answer.Wire is { } wire)
            Terminal.Line($"On the wire: {Words.Wire(wire)}.");
        if (answer.Wire is { CoverBudget: > 0 } covered)
            Terminal.Line($"Cover: {Words.Cover(covered)}.");
    }

    /// <summary>Where applications find the proxy, and how they are told.</summary>
    public static Command Proxy()
    {
        var command = new Command("proxy", "Show the proxy's address and how to use it.");
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.ProxyAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
                Terminal.Json(answer, ApiJson.Default.ProxyAnswer);
            else if (answer.Proxy is { } proxy)
                ShowProxy(proxy, answer);
            else
                return Terminal.Fail(
                    new Problem { Code = ProblemCodes.WrongState, Message = "The proxy does not listen.", Remedy = "Connect with 'macrovpn up'; client.proxy in the settings says where it listens then." },
                    json: false);
            return answer.Proxy is null ? ExitCodes.Failed : ExitCodes.Done;
        });
        return command;
    }

    static void ShowProxy(string proxy, ProxyAnswer answer)
    {
        Terminal.Facts(
            ("proxy", $"{proxy} (SOCKS5, SOCKS4a, HTTP)"),
            ("resolver", answer.Dns),
            ("state", answer.Ready ? "ready" : "there is no circuit yet; requests wait"));
        Terminal.Line($"""

            curl --proxy socks5h://{proxy} https://example.com/
            chromium --proxy-server=socks5://{proxy}
            export ALL_PROXY=socks5h://{proxy} http_proxy=http://{proxy} https_proxy=http://{proxy}

            Each user name has a circuit of its own: socks5h://NAME:x@{proxy}
            """);
    }

    static void ShowHops(IReadOnlyList<Hop> hops, string nothing)
    {
        if (hops.Count == 0)
            Terminal.Line(nothing);
        else
            Terminal.Rows(["HOP", "REGION", "RTT", "HEALTH", "NODE"], [.. hops.Select(Row)]);
    }

    /// <summary>One line: state, mode, hops, exit.</summary>
    public static string Summary(Status status)
    {
        var words = new List<string> { Words.Of(status.State) };
        if (status.State is ConnectionState.Connecting or ConnectionState.Reconnecting)
            words.Add(Words.Of(status.Phase));
        if (status.Hops > 0)
            words.Add(Words.Hops(status.Hops));
        if (status is { State: ConnectionState.Active, ExitRegion: { } region })
            words.Add($"exit {Words.Region(region)}, {Words.Families(status)}");
        if (status.OverTcp)
            words.Add("over TCP, since UDP does not pass");
        if (status.Problem is { } problem)
            words.Add(problem.Message);
        return string.Join(", ", words);
    }

    /// <summary>The whole status; also what relay and exit commands show.</summary>
    public static void Show(Status status, bool json)
    {
        if (json)
        {
            Terminal.Json(status, ApiJson.Default.Status);
            return;
        }
        var connected = status.State != ConnectionState.Off;
        Terminal.Facts(
            ("connection", Words.Of(status.State)),
            ("phase", status.State is ConnectionState.Connecting or ConnectionState.Reconnecting ? Words.Of(status.Phase) : null),
            ("mode", connected && status.Mode is { } mode ? Words.Of(mode) : null),
            ("circuit", status.Hops > 0 ? Words.Hops(status.Hops) : null),
            ("entry", status.OverTcp ? "reached over TCP 443, since UDP does not pass; UDP is tried again from time to time" : null),
            ("exit", status.ExitRegion is { } region ? $"{Words.Region(region)}, {Words.Families(status)}" : null),
            ("device", status.Device),
            ("kill switch", status.KillSwitch ? "closed: nothing leaves beside the circuit" : null),
            ("proxy", status.Proxy),
            ("resolver", status.Dns),
            ("rights", status.Rootless ? "none used" : "administrator's"),
            ("traffic", connected ? $"{Terminal.Bytes(status.BytesReceived)} received, {Terminal.Bytes(status.BytesSent)} sent" : null),
            ("on the wire", status.Wire is { } wire ? Words.Wire(wire) : null),
            ("cover", status.Wire is { } covered ? Words.Cover(covered) : null),
            ("problem", status.Problem?.Message),
            ("remedy", status.Problem?.Remedy),
            ("known relays", status.KnownRelays.ToString(CultureInfo.InvariantCulture)),
            ("relaying", Service(status.Relay.Enabled, status.Relay.Running,
                $"{status.Relay.Sessions} sessions, {Terminal.Bytes(status.Relay.BytesForwarded)} forwarded")),
            ("paused", status.Relay.Paused),
            ("this month", status.Relay.MonthLimit > 0 ? $"{Terminal.Bytes(status.Relay.MonthBytes)} of {Terminal.Bytes(status.Relay.MonthLimit)} for others" : null),
            ("exiting", Service(status.Exit.Enabled, status.Exit.Running,
                $"{status.Exit.Sessions} sessions, {Terminal.Bytes(status.Exit.BytesOut)} out, {Terminal.Bytes(status.Exit.BytesIn)} in")));
    }

    static string Service(bool enabled, bool running, string counters) => (enabled, running) switch
    {
        (false, _) => "off",
        (true, false) => "on, but not running",
        (true, true) => $"on, {counters}",
    };

    static string[] Row(Hop hop) =>
    [
        Words.Of(hop.Role),
        hop.Region,
        hop.RttMs is { } rtt ? rtt.ToString("F1", CultureInfo.InvariantCulture) + " ms" : "-",
        Words.Of(hop.Health),
        hop.NodeId,
    ];

    static StepMark Mark(Status status) => status.State switch
    {
        ConnectionState.Off or ConnectionState.Active => StepMark.Done,
        ConnectionState.Connecting or ConnectionState.Reconnecting => StepMark.Begun,
        ConnectionState.Waiting or ConnectionState.Failed => StepMark.Wrong,
    };
}
