using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Nat.Tests;

/// <summary>Two peers that punch through the NATs of a topology in virtual time. Everything follows from the seed.</summary>
sealed class PunchWorld
{
    static readonly Endpoint[] s_observers = [Endpoint.Parse("44.250.0.1:3478"), Endpoint.Parse("44.251.0.1:3478")];

    readonly PriorityQueue<Action, (long, long)> _events = new();
    readonly Peer _a, _b;
    long _order;

    public sealed class Peer(PunchWorld world, Endpoint own, bool isInitiator)
    {
        public readonly Endpoint Own = own;
        public readonly Puncher Puncher = new(world.Random);
        public readonly PrivateKey Key = PrivateKey.Generate(world.Random);
        public readonly bool IsInitiator = isInitiator;
        public DirectPath? Path;
        public int Sent;
    }

    public PunchWorld(ulong seed, Func<IRandom, NatTopology, (Endpoint A, Endpoint B)> place)
    {
        Random = new SeededRandom(seed);
        var (a, b) = place(Random, Topology);
        (_a, _b) = (new Peer(this, a, isInitiator: true), new Peer(this, b, isInitiator: false));
    }

    public SeededRandom Random { get; }

    public NatTopology Topology { get; } = new();

    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_800_000_000);

    public Peer A => _a;

    public Peer B => _b;

    /// <summary>Share of datagrams lost.</summary>
    public double Loss { get; set; }

    public bool IsCut { get; set; }

    /// <summary>Both have a path by which the other answers.</summary>
    public bool IsDirect => _a.Path?.Verdict == PunchVerdict.Direct && _b.Path?.Verdict == PunchVerdict.Direct;

    public bool IsOver => _a.Path is not { Verdict: PunchVerdict.Pending } && _b.Path is not { Verdict: PunchVerdict.Pending };

    /// <summary>Each asks two observers, tells the other over the relayed path, and both begin.</summary>
    public void Begin()
    {
        var (a, b) = (Describe(_a), Describe(_b));
        var attempt = _a.Puncher.DrawAttempt();
        var start = Now + TimeSpan.FromMilliseconds(50);
        var expires = Now + TimeSpan.FromHours(1);
        _a.Path = _a.Puncher.TryBegin(attempt, true, _a.Key, _b.Key.PublicKey, a, b, start, expires);
        // Clocks never agree quite: the introducer's round trip was measured.
        _b.Path = _b.Puncher.TryBegin(attempt, false, _b.Key, _a.Key.PublicKey, b, a, start + Random.NextTime(TimeSpan.FromMilliseconds(10)), expires);
    }

    public void Run(TimeSpan time, Func<bool>? until = null)
    {
        var end = Now + time;
        while (until?.Invoke() != true)
        {
            Flush(_a);
            Flush(_b);
            var due = Instant.Min(_a.Puncher.NextTimeout, _b.Puncher.NextTimeout);
            if (_events.TryPeek(out _, out var first) && first.Item1 <= due.Ticks)
                due = new Instant(first.Item1);
            if (due > end)
                break;
            Now = Instant.Max(Now, due);
            while (_events.TryPeek(out var action, out first) && first.Item1 <= Now.Ticks)
            {
                _events.Dequeue();
                action();
            }
            foreach (var peer in (Peer[])[_a, _b])
                while (peer.Puncher.HandleTimeout(Now) is not null)
                    Flush(peer);
        }
        if (until?.Invoke() != true)
            Now = end;
    }

    PunchOffer Describe(Peer peer)
    {
        var seen = new List<Endpoint>();
        foreach (var observer in s_observers)
            if (Topology.TryRoute(peer.Own, observer, Now, out var source, out _))
                seen.Add(source);
        var step = seen.Count == 2 ? seen[1].Port - seen[0].Port : 0;
        var allocation = seen.Count < 2 ? PortAllocation.Blocked
            : seen[1] == peer.Own ? PortAllocation.None
            : step == 0 ? PortAllocation.Kept
            : step is > 0 and <= 16 ? PortAllocation.Sequential
            : PortAllocation.Random;
        return PunchOffer.Describe(allocation, (sbyte)(allocation == PortAllocation.Sequential ? step : 0), [peer.Own], seen.LastOrDefault());
    }

    void Flush(Peer from)
    {
        var to = from == _a ? _b : _a;
        while (from.Puncher.TryTake(Now, out _, out var datagram))
        {
            from.Sent++;
            Assert.Equal(DiscoMessage.Size, datagram.Bytes.Length);
            // Further sockets of a peer have the ports that follow its own.
            var source = from.Own with { Port = (ushort)(from.Own.Port + datagram.Socket) };
            if (IsCut || Random.NextDouble() < Loss)
                continue;
            var delay = TimeSpan.FromMilliseconds(10) + Random.NextTime(TimeSpan.FromMilliseconds(5));
            if (!Topology.TryRoute(source, datagram.To, Now, out var seen, out var arrives) || arrives.Address != to.Own.Address)
                continue;
            _events.Enqueue(() => to.Puncher.Handle(datagram.Bytes, seen, arrives.Port - to.Own.Port, Now), ((Now + delay).Ticks, _order++));
        }
    }
}
