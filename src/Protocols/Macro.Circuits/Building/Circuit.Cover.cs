using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Cover traffic with the entry, and with it alone: whoever watches the client's line cannot tell when it is idle. Half of the budget is
/// this side's, half the entry's. There is none while the way to the entry is full or in doubt.
/// </summary>
public sealed partial class Circuit
{
    static readonly TimeSpan s_coverPause = TimeSpan.FromSeconds(10), s_congested = TimeSpan.FromMilliseconds(25);

    CoverMachine? _cover;
    Hop? _coverHop;
    long _coverWanted, _coverAsked;
    Instant _coverAt;

    /// <summary>Cover traffic that is agreed on, bytes an hour in both directions together; 0: none.</summary>
    public long CoverBudget { get; private set; }

    /// <summary>Bytes of the cover messages that this side has sent.</summary>
    public long CoverSent { get; private set; }

    Instant NextCover => _cover?.NextTimeout ?? Instant.Never;

    /// <summary>So many bytes an hour of cover traffic are wanted, both directions together; 0: none. Of a circuit of constant size only.</summary>
    public void Cover(long budget, Instant now)
    {
        if (budget > 0 && !IsConstantSize)
            throw new InvalidOperationException("Cover traffic of another size would cover nothing.");
        _coverWanted = budget;
        KeepCover(now);
    }

    void KeepCover(Instant now)
    {
        if (State != CircuitState.Ready)
            return;
        if (_coverHop != Hops[0])
            LeaveCover(now);
        var wanted = _coverWanted > 0 && IsEntryFree ? _coverWanted : 0;
        if (wanted == _coverAsked || now < _coverAt)
            return;
        (_coverHop, _coverAsked) = (Hops[0], wanted);
        if (wanted == 0)
            (_cover, CoverBudget, _coverAt) = (null, 0, now + s_coverPause);
        Ask(Hops[0], new Cover { Machine = Circuits.Cover.Bursts, Budget = (ulong)wanted / 2 }, now);
    }

    /// <summary>The circuit goes on by another entry: the one before is to be quiet.</summary>
    void LeaveCover(Instant now)
    {
        if (_coverAsked > 0 && _coverHop is { } before && before.Circuit.State == CircuitState.Ready)
            before.Circuit.Ask(before, new Cover { Machine = Circuits.Cover.Bursts, Budget = 0 }, now);
        (_cover, _coverHop, _coverAsked, CoverBudget, _coverAt) = (null, null, 0, 0, default);
    }

    void HandleCover(Hop hop, ControlAnswer answer, Instant now)
    {
        // An entry that cannot, or will not: there is none, and it is asked no more.
        if (hop != _coverHop || answer is not CoverAnswer { Status: ControlStatus.Ok, Budget: > 0 } granted || _coverAsked == 0)
            return;
        var budget = (long)Math.Min(granted.Budget, (ulong)_coverAsked / 2);
        CoverBudget = 2 * budget;
        _cover = new CoverMachine(budget, hop.PadTo + Message.DataOverhead, _random, now);
    }

    void SendCover(Instant now)
    {
        if (_cover is not { } cover || _coverHop is not { } hop || !cover.TrySend(hop.Tunnel.Activity.LastSent, now))
            return;
        var output = hop.Tunnel.KeepAlive(_layers[0], now);
        if (output.Kind != TunnelOutputKind.ToNetwork)
            return;
        CoverSent += output.Length;
        _outbox.Send(_layers[0].AsSpan(0, output.Length), hop.Remote);
    }

    /// <summary>Neither lost nor late: what stands in a queue before the entry shows in its round trips.</summary>
    bool IsEntryFree => Stranded is null && Hops[0].Health is { IsSuspect: false } health
        && (health.RoundTrip is not { } now || health.LeastRoundTrip is not { } least || now <= 2 * least + s_congested);
}
