using Macro.Core;

namespace Macro.NetStack;

/// <summary>
/// Path MTUs that routers told (RFC 1191, RFC 8201), each forgotten after ten minutes, as paths change. Bounded: one more
/// destination forgets the one that was told first.
/// </summary>
sealed class PathMtus(int linkMtu, int most)
{
    static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>Less would be an attack: a link must carry 1280 bytes of IPv6 (RFC 8200 5); for IPv4 as Linux does it.</summary>
    const int SmallestV4 = 552, SmallestV6 = 1280;

    /// <summary>Where old routers say 0: the sizes that networks have (RFC 1191 7.1).</summary>
    static ReadOnlySpan<int> Plateaus => [32000, 17914, 8166, 4352, 2002, 1492, 1006, SmallestV4];

    readonly Dictionary<IpAddress, (int Mtu, Instant Until)> _mtus = [];
    readonly Queue<(IpAddress Destination, Instant Until)> _order = new();

    public int Count => _mtus.Count;

    /// <summary>Bytes of the largest IP packet.</summary>
    public int Find(IpAddress destination, Instant now) =>
        _mtus.Count > 0 && _mtus.TryGetValue(destination, out var path) && path.Until > now ? path.Mtu : linkMtu;

    /// <summary>What to make of the MTU in an ICMP message about a packet of <paramref name="length"/> bytes.</summary>
    public int Clamp(bool v4, int told, int length)
    {
        if (told == 0 && v4)
            foreach (var plateau in Plateaus)
                if (plateau < Math.Min(length, linkMtu))
                {
                    told = plateau;
                    break;
                }
        return Math.Min(Math.Max(told, v4 ? SmallestV4 : SmallestV6), linkMtu);
    }

    /// <summary>Notes a smaller MTU; a larger one than is known is no news (RFC 8201 4).</summary>
    public void Note(IpAddress destination, int mtu, Instant now)
    {
        if (mtu >= Find(destination, now))
            return;
        var until = now + Lifetime;
        _mtus[destination] = (mtu, until);
        _order.Enqueue((destination, until));
        while (_order.Count > most || _order.Peek().Until <= now)
        {
            var (oldest, told) = _order.Dequeue();
            if (_mtus.TryGetValue(oldest, out var path) && path.Until == told)
                _mtus.Remove(oldest);
        }
    }
}
