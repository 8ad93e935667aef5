using Macro.Core;
using Macro.Nat;
using Macro.Nat.Classification;
using Macro.Nat.Stun;

namespace Macro.Engine;

/// <summary>
/// What this node says of itself to whoever is to meet it: the class of its NAT where that is known, else what its relays
/// see of it. Asks relays (STUN) only when it has something to say: who meets nobody asks nobody. Where ports are counted
/// up, every offer needs the ports of two new flows, which a spare socket shows. A state machine of one owner thread.
/// </summary>
public sealed class OwnOffer(Traversal traversal, IRandom random)
{
    const int MostAsked = 6, LargestStep = 16;

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1), s_lookEvery = TimeSpan.FromMinutes(1), s_fresh = TimeSpan.FromMilliseconds(600);

    readonly Outbox _outbox = new(1 << 12, 16);
    readonly Queue<SpareDatagram> _spare = new();
    readonly List<BindingResult> _answers = [];
    BindingClient? _client;
    Instant _looked = new(long.MinValue / 2), _askedAt;
    Endpoint _newest;
    Instant _newestAt = new(long.MinValue / 2);
    int _socket, _step;

    /// <summary>Endpoints of relays that answer STUN.</summary>
    public IReadOnlyList<Endpoint> Servers { get; set; } = [];

    public Instant NextTimeout => _client?.NextTimeout ?? Instant.Never;

    /// <param name="own">Endpoints of its interfaces.</param>
    /// <param name="seen">Its endpoint as the relays that it has sessions with see it.</param>
    /// <returns>Null: not yet, ask again soon.</returns>
    public PunchOffer? Describe(IReadOnlyList<Endpoint> own, IReadOnlyCollection<Endpoint> seen, Instant now)
    {
        ArgumentNullException.ThrowIfNull(own);
        var nat = traversal.V4;
        if (!nat.IsKnown || nat is { Mapping: MappingBehaviour.AddressDependent or MappingBehaviour.AddressAndPortDependent, Assignment: PortAssignment.Unknown })
        {
            if (now - _looked >= s_lookEvery)
            {
                _looked = now;
                traversal.Look(Draw(MostAsked), own, now);
            }
            if (traversal.IsLooking && now - _looked < s_patience)
                return null;
            return Observations.Describe(seen, own);
        }
        var allocation = nat.Kind switch
        {
            NatKind.UdpBlocked => PortAllocation.Blocked,
            NatKind.Public or NatKind.Firewall => PortAllocation.None,
            NatKind.SequentialSymmetric => PortAllocation.Sequential,
            NatKind.RandomSymmetric => PortAllocation.Random,
            _ => PortAllocation.Kept,
        };
        var reflexive = nat.Outside.Port != 0 ? nat.Outside : traversal.NewestV4;
        if (allocation == PortAllocation.Sequential && !TryGetNewest(now, out reflexive))
            return null;
        var step = allocation != PortAllocation.Sequential ? 0 : _step != 0 ? _step : nat.PortStep;
        return PunchOffer.Describe(allocation, (sbyte)Math.Clamp(step, -LargestStep, LargestStep), own, reflexive, traversal.OpenedV4, traversal.OuterV4);
    }

    /// <summary>An answer at the spare socket.</summary>
    public void Handle(SpareSocket socket, ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (socket.Number == _socket && _client?.TryHandle(datagram, source, now) == true)
            TakeAnswers(_client, now);
    }

    public void HandleTimeout(Instant now)
    {
        if (_client is not { } client)
            return;
        client.HandleTimeout(now);
        TakeAnswers(client, now);
        Drain();
    }

    public bool Needs(SpareSocket socket) => socket.Number == _socket && _client?.Pending > 0;

    public bool TryTake(out SpareDatagram datagram) => _spare.TryDequeue(out datagram);

    /// <summary>The two flows began one right after the other: how far their ports lie apart is the step, just now and with its sign.</summary>
    void TakeAnswers(BindingClient client, Instant now)
    {
        while (client.TryTakeResult(out var result))
            if (result.Outcome == BindingOutcome.Answered)
                _answers.Add(result);
        if (client.Pending > 0 || _answers.Count == 0)
            return;
        var (first, last) = (_answers.MinBy(answer => answer.Number)!.Mapped, _answers.MaxBy(answer => answer.Number)!.Mapped);
        var step = last.Port - first.Port;
        (_newest, _newestAt, _step) = (last, now, Math.Abs(step) <= LargestStep ? step : 0);
        _answers.Clear();
    }

    /// <summary>The port that the newest flow of this machine got; asks for it when that is not known freshly.</summary>
    bool TryGetNewest(Instant now, out Endpoint newest)
    {
        newest = _newest;
        if (now - _newestAt < s_fresh)
            return true;
        if ((_client?.Pending > 0 && now - _askedAt < s_patience) || Draw(2) is not { Length: > 0 } servers)
            return false;
        _askedAt = now;
        _socket++;
        _client = new BindingClient(random, _outbox);
        _answers.Clear();
        foreach (var server in servers)
            _client.Ask(server, Retransmission.Brief, now);
        Drain();
        return false;
    }

    Endpoint[] Draw(int count)
    {
        Endpoint[] servers = [.. Servers.Where(server => server.Address.IsV4)];
        random.Shuffle(servers.AsSpan());
        return servers[..Math.Min(count, servers.Length)];
    }

    void Drain()
    {
        var batch = _outbox.Batch;
        for (var i = 0; i < batch.Count; i++)
            _spare.Enqueue(new SpareDatagram(new SpareSocket(0, _socket), batch[i].Remote, batch.Bytes(i).ToArray()));
        batch.Clear();
    }
}
