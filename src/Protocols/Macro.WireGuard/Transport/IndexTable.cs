using System.Collections.Concurrent;
using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// Our receiver indices: which tunnel a message belongs to, and which session once there is one. All tunnels of a UDP port
/// share one. Read from any thread without a lock; changed only by the owner thread.
/// </summary>
public sealed class IndexTable
{
    readonly ConcurrentDictionary<uint, Entry> _entries = new(concurrencyLevel: 1, capacity: 31);

    /// <summary>Further users of the same index space, such as a relay's channel bindings. Asked on the owner thread.</summary>
    public Func<uint, bool>? IsTakenElsewhere { get; set; }

    public int Count => _entries.Count;

    /// <summary>A random index, never 0 and not in use.</summary>
    public uint Reserve(Tunnel tunnel, IRandom random)
    {
        while (true)
        {
            var index = random.NextUInt32();
            if (index != 0 && IsTakenElsewhere?.Invoke(index) != true && _entries.TryAdd(index, new Entry(tunnel, null)))
                return index;
        }
    }

    /// <summary>The handshake behind a reserved index became a session.</summary>
    public void Attach(uint index, Session session)
    {
        ArgumentNullException.ThrowIfNull(session);
        _entries[index] = new Entry(session.Tunnel, session);
    }

    public void Release(uint index) => _entries.TryRemove(index, out _);

    /// <param name="session">Null while the handshake is still going on.</param>
    public bool TryFind(uint index, out Tunnel? tunnel, out Session? session)
    {
        var found = _entries.TryGetValue(index, out var entry);
        (tunnel, session) = (entry.Tunnel, entry.Session);
        return found;
    }

    readonly record struct Entry(Tunnel Tunnel, Session? Session);
}
