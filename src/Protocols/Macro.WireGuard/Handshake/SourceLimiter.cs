using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// Token bucket per source of handshakes: 20 a second, bursts of 5, per IPv4 address or IPv6 /64 (as wireguard-go).
/// The table is bounded: when it is full of sources that still count, unknown ones are refused.
/// </summary>
sealed class SourceLimiter(int capacity = 16384)
{
    static readonly long s_cost = TimeSpan.TicksPerSecond / 20;
    static readonly long s_burst = 5 * s_cost;

    // Per source the moment at which its bucket is full again; in the past means full and forgettable.
    readonly Dictionary<UInt128, long> _fullAt = [];
    Instant _lastSweep;

    public bool Allow(IpAddress source, Instant now)
    {
        var key = source.IsV4 ? source.Bits : source.Bits >> 64 << 64;
        if (_fullAt.Count >= capacity && !_fullAt.ContainsKey(key) && !MakeRoom(now))
            return false;
        ref var fullAt = ref CollectionsMarshal.GetValueRefOrAddDefault(_fullAt, key, out _);
        var next = Math.Max(fullAt, now.Ticks) + s_cost;
        if (next - now.Ticks > s_burst)
            return false;
        fullAt = next;
        return true;
    }

    public int Count => _fullAt.Count;

    bool MakeRoom(Instant now)
    {
        // A bucket fills in a quarter of a second: sweeping more often than that is work for the attacker's benefit.
        if (now - _lastSweep < TimeSpan.FromMilliseconds(250))
            return false;
        _lastSweep = now;
        foreach (var (key, fullAt) in _fullAt)
            if (fullAt <= now.Ticks)
                _fullAt.Remove(key);
        return _fullAt.Count < capacity;
    }
}
