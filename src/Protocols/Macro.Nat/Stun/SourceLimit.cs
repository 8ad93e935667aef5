using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// Answers for one IPv4 address or IPv6 /64: so many a second, twice as many at once. The table is bounded; while it is full
/// of sources that still count, unknown ones get no answer.
/// </summary>
sealed class SourceLimit(int perSecond, int sources)
{
    readonly long _cost = TimeSpan.TicksPerSecond / perSecond;

    // Per source the moment at which its allowance is whole again.
    readonly Dictionary<UInt128, long> _wholeAt = [];
    Instant _lastSweep;

    public bool TrySpend(IpAddress source, Instant now)
    {
        var key = source.IsV4 ? source.Bits : source.Bits >> 64 << 64;
        if (_wholeAt.Count >= sources && !_wholeAt.ContainsKey(key) && !TryMakeRoom(now))
            return false;
        ref var wholeAt = ref CollectionsMarshal.GetValueRefOrAddDefault(_wholeAt, key, out _);
        var next = Math.Max(wholeAt, now.Ticks) + _cost;
        if (next - now.Ticks > 2 * TimeSpan.TicksPerSecond)
            return false;
        wholeAt = next;
        return true;
    }

    bool TryMakeRoom(Instant now)
    {
        if (now - _lastSweep < TimeSpan.FromMilliseconds(250))
            return false;
        _lastSweep = now;
        foreach (var (key, wholeAt) in _wholeAt)
            if (wholeAt <= now.Ticks)
                _wholeAt.Remove(key);
        return _wholeAt.Count < sources;
    }
}
