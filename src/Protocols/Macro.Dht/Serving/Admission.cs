using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// How much one source may ask: queries by the second, and bytes that we answer beyond what it sent. Sources are IPv4
/// addresses and IPv6 /64; the table of them is bounded, and when it is full of busy ones, unknown ones wait.
/// </summary>
sealed class Admission(int queriesPerSecond)
{
    const int MaxSources = 16384, SweepFrom = 16;

    /// <summary>Bytes a second, and at once, that a source which never proved its address gets beyond three times its query.</summary>
    const int ExcessRate = 8 << 10, ExcessBurst = 32 << 10;

    /// <summary>The same for all such sources together: what a node can be abused for at most.</summary>
    const int TotalRate = 128 << 10, TotalBurst = 512 << 10;

    /// <summary>Times the query.</summary>
    public const int AmplificationAllowed = 3;

    readonly Dictionary<UInt128, Source> _sources = [];
    Source _total;
    int _sweepAt = SweepFrom;
    Instant _nextSweep = new(0);

    /// <summary>Counts a query. False: leave it unanswered.</summary>
    public bool Allow(IpAddress source, Instant now)
    {
        var key = KeyOf(source);
        if (_sources.Count >= _sweepAt && !_sources.ContainsKey(key) && !Sweep(now))
            return false;
        ref var asker = ref CollectionsMarshal.GetValueRefOrAddDefault(_sources, key, out _);
        return asker.QueryFullAt.TrySpend(now, 1.0 / queriesPerSecond, 10);
    }

    /// <summary>May an answer of this size go to somebody who may not be who he says? Counts it if so.</summary>
    public bool AllowExcess(IpAddress source, int query, int answer, Instant now)
    {
        var excess = answer - AmplificationAllowed * query;
        if (excess <= 0)
            return true;
        ref var asker = ref CollectionsMarshal.GetValueRefOrAddDefault(_sources, KeyOf(source), out _);
        return asker.ExcessFullAt.TrySpend(now, (double)excess / ExcessRate, (double)ExcessBurst / ExcessRate)
            && _total.ExcessFullAt.TrySpend(now, (double)excess / TotalRate, (double)TotalBurst / TotalRate);
    }

    bool Sweep(Instant now)
    {
        if (now < _nextSweep)
            return _sources.Count < MaxSources;
        // Sweeping more often than that is work for a flooder's benefit.
        _nextSweep = now + TimeSpan.FromMilliseconds(250);
        foreach (var (key, asker) in _sources)
            if (asker.QueryFullAt.IsFull(now) && asker.ExcessFullAt.IsFull(now))
                _sources.Remove(key);
        _sweepAt = Math.Min(MaxSources, Math.Max(SweepFrom, 2 * _sources.Count));
        if (_sources.Capacity > 4 * _sweepAt)
            _sources.TrimExcess(_sweepAt);
        return _sources.Count < MaxSources;
    }

    static UInt128 KeyOf(IpAddress source) => source.IsV4 ? source.Bits : source.Bits >> 64 << 64;

    struct Source
    {
        public Meter QueryFullAt, ExcessFullAt;
    }
}
