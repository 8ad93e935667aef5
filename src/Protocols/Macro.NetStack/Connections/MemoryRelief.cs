using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.NetStack;

/// <summary>
/// When memory is so short that nobody may come any more, the far end that holds the most of it gives up its largest
/// connections: one that lets its windows fill and then says nothing cannot keep others out.
/// </summary>
sealed class MemoryRelief(TcpMemory memory)
{
    /// <summary>Looking through all connections costs time that a flood must not take.</summary>
    static readonly TimeSpan s_interval = TimeSpan.FromSeconds(1);

    readonly Dictionary<IpAddress, long> _bytes = [];
    readonly List<HeldConnection> _largest = [];
    Instant _next;

    /// <summary>The connections to give up; empty when it is too early, or nobody has much more than others.</summary>
    public ReadOnlySpan<HeldConnection> Choose(IEnumerable<HeldConnection> connections, Instant now)
    {
        _largest.Clear();
        if (now < _next)
            return default;
        _next = now + s_interval;
        _bytes.Clear();
        foreach (var held in connections)
            CollectionsMarshal.GetValueRefOrAddDefault(_bytes, held.Connection.Flow.Remote.Address, out _) += held.Connection.HeldBytes;
        var (hog, bytes) = (default(IpAddress), 0L);
        foreach (var (address, sum) in _bytes)
            if (sum > bytes)
                (hog, bytes) = (address, sum);
        // With less than that, many are at work, and none of them is to blame.
        if (bytes < memory.Budget / 8)
            return default;
        foreach (var held in connections)
            if (held.Connection.Flow.Remote.Address == hog && held.Connection.HeldBytes > 0)
                _largest.Add(held);
        _largest.Sort(static (a, b) => b.Connection.HeldBytes.CompareTo(a.Connection.HeldBytes));
        var freed = 0L;
        var count = 0;
        while (count < _largest.Count && freed < bytes / 2)
            freed += _largest[count++].Connection.HeldBytes;
        return CollectionsMarshal.AsSpan(_largest)[..count];
    }
}
