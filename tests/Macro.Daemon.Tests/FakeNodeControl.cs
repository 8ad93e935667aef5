using Macro.Api;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Peers;

namespace Macro.Daemon.Tests;

/// <summary>A node whose connection comes up at once, through all phases; region "XX" has no exit.</summary>
sealed class FakeNodeControl : INodeControl
{
    public StatusFeed Status { get; } = new(new Status { State = ConnectionState.Off, Relay = new RelayStatus(), Exit = new ExitStatus() });

    public DesiredState? Started { get; private set; }

    public Task StartAsync(DesiredState wanted, CancellationToken cancel)
    {
        Started = wanted;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task<Status> UpAsync(Mode mode, string? exitRegion, CancellationToken cancel)
    {
        if (exitRegion == "XX")
            throw new NodeException(ProblemCodes.NoExitInRegion, "No exit is known in XX.", "Use another region, or any.");
        if (exitRegion == "YY")
            throw new InvalidOperationException("a fault that names 203.0.113.9");
        var begun = Status.Change(s => s with { State = ConnectionState.Connecting, Mode = mode, Phase = ConnectPhase.FindingRelays });
        for (var phase = ConnectPhase.SelectingPath; phase < ConnectPhase.Ready; phase++)
        {
            var now = phase;
            Status.Change(s => s with { Phase = now });
        }
        Status.Change(s => s with
        {
            State = ConnectionState.Active,
            Phase = ConnectPhase.Ready,
            Hops = (int)mode + 1,
            ExitRegion = exitRegion ?? "ZZ",
            ExitIpv4 = true,
        });
        return Task.FromResult(begun);
    }

    public Task<Status> DownAsync(CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { State = ConnectionState.Off, Phase = ConnectPhase.None, Hops = 0 }));

    public Task<CircuitAnswer> CircuitAsync(CancellationToken cancel) => Task.FromResult(new CircuitAnswer
    {
        Hops = [new Hop { Role = HopRole.Exit, NodeId = "y", Region = "CH", RttMs = 12.5, Health = HopHealth.Good }],
    });

    public Task<WhyAnswer> CircuitWhyAsync(CancellationToken cancel) => Task.FromResult(new WhyAnswer
    {
        Hops = [new HopReasons { Role = HopRole.Exit, NodeId = "y", Region = "CH", Considered = 1, Chance = 1, Why = ["Chosen first, the only exit that fits."] }],
    });

    public Task<BlockedAnswer> BlockAsync(string rule, bool blocked, CancellationToken cancel) => BlockedAsync(cancel);

    public Task<BlockedAnswer> BlockedAsync(CancellationToken cancel) => Task.FromResult(new BlockedAnswer { Rules = ["CH"] });

    public Task<DoctorAnswer> ExamineAsync(CancellationToken cancel) => Task.FromResult(new DoctorAnswer
    {
        Findings = [new Finding { Name = "tun-udp", Ok = false, Message = "every UDP packet is passed by itself.", Remedy = "Use Linux 6.2 or later." }],
    });

    public Task EnterNetworkAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task<IReadOnlyList<PeerEntry>> PeersAsync(CancellationToken cancel) => Task.FromResult<IReadOnlyList<PeerEntry>>(
        [new PeerEntry { NodeId = "y", Region = "CH", Relay = true, Verified = PeerVerification.Handshake, LastSeen = LastSeen.Now }]);

    public Task<NetworkStatusAnswer> NetworkStatusAsync(CancellationToken cancel) =>
        Task.FromResult(new NetworkStatusAnswer { Name = "lab", Kind = NetworkKind.Private, Relays = 1, EstimatedRelays = 12 });

    public Task<IReadOnlyList<Seed>> SeedsAsync(CancellationToken cancel) =>
        Task.FromResult<IReadOnlyList<Seed>>([new Seed(new NodeId(new byte[32]), [Endpoint.Parse("198.51.100.7:51900")])]);

    public Task<NetcheckAnswer> NetcheckAsync(CancellationToken cancel) => Task.FromResult(new NetcheckAnswer
    {
        Udp = true,
        Ipv4 = new NetcheckFamily { Works = true, Outside = "192.0.2.7:51900", Nat = "port-restricted", Description = "a NAT", Hairpin = false },
        Ipv6 = new NetcheckFamily { Works = false, Nat = "unknown", Description = "not known yet" },
        GatewayAsked = true,
        MappingProtocols = ["pcp"],
        CaptivePortal = "not looked for",
        Relays = [new RelayLatency { NodeId = "y", Region = "CH", RttMs = 12.5 }],
        Role = NetworkRole.Client,
        Why = "Nobody reaches this node from outside.",
        Advice = "Open UDP 51900 in the router, or turn on UPnP or NAT-PMP there.",
    });

    public Task<Status> SetRelayAsync(bool enabled, CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { Relay = s.Relay with { Enabled = enabled, Running = enabled } }));

    public Task<Status> SetExitAsync(bool enabled, CancellationToken cancel) =>
        Task.FromResult(Status.Change(s => s with { Exit = s.Exit with { Enabled = enabled, Running = enabled } }));
}
