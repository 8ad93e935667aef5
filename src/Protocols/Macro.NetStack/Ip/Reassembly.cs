using Macro.Core;

namespace Macro.NetStack;

/// <summary>
/// Puts packets together from fragments (RFC 791 3.2, RFC 8200 4.5). Bounded in packets, bytes and time, and one source
/// takes at most a quarter of the packets; what is too much pushes out the oldest. Overlaps drop the packet (RFC 5722).
/// </summary>
sealed class Reassembly(StackOptions options, StackCounters counters)
{
    // In the order in which they began, so the first is due first.
    readonly LinkedList<PartialPacket> _waiting = new();
    readonly Dictionary<FragmentKey, LinkedListNode<PartialPacket>> _byKey = [];
    PartialPacket? _taken;

    public int Count => _waiting.Count;

    public int Bytes { get; private set; }

    public Instant NextTimeout => _waiting.First?.Value.Deadline ?? Instant.Never;

    /// <summary>Takes a fragment. True when it was the last that was missing: the packet is valid until the next call.</summary>
    public bool TryAdd(ReadOnlySpan<byte> packet, Instant now, out ReadOnlySpan<byte> whole)
    {
        whole = default;
        _taken?.Dispose();
        _taken = null;
        if (!Fragment.TryParse(packet, out var fragment))
        {
            counters.FragmentsDropped++;
            return false;
        }
        var node = _byKey.TryGetValue(fragment.Key, out var known) ? known : Begin(fragment.Key, now);
        var partial = node.Value;
        Bytes -= partial.Bytes;
        if (!partial.TryAdd(fragment))
            counters.FragmentsDropped++;
        Bytes += partial.Bytes;
        if (!partial.IsPoisoned && partial.IsWhole)
        {
            Forget(node);
            _taken = partial;
            counters.Reassembled++;
            whole = partial.Assemble();
            return true;
        }
        while (Bytes > options.MaxReassemblyBytes)
            Drop(_waiting.First!);
        return false;
    }

    /// <summary>
    /// Takes out a packet whose time is up. What came of its beginning is valid until the next call; empty when its first
    /// fragment is missing, or nobody is to be told.
    /// </summary>
    public bool TryTakeExpired(Instant now, out ReadOnlySpan<byte> beginning)
    {
        beginning = default;
        _taken?.Dispose();
        _taken = null;
        if (NextTimeout > now)
            return false;
        var node = _waiting.First!;
        _taken = node.Value;
        counters.FragmentsDropped++;
        if (_taken.HasFirst && !_taken.IsPoisoned)
            beginning = _taken.Assemble();
        Forget(node);
        return true;
    }

    LinkedListNode<PartialPacket> Begin(FragmentKey key, Instant now)
    {
        LinkedListNode<PartialPacket>? oldestOfSource = null;
        var ofSource = 0;
        for (var node = _waiting.Last; node is not null; node = node.Previous)
            if (node.Value.Key.Source == key.Source)
                (oldestOfSource, ofSource) = (node, ofSource + 1);
        if (oldestOfSource is not null && ofSource >= Math.Max(options.MaxReassemblies / 4, 1))
            Drop(oldestOfSource);
        else if (_waiting.Count >= options.MaxReassemblies)
            Drop(_waiting.First!);
        var begun = _waiting.AddLast(new PartialPacket(key, now + options.ReassemblyTime));
        _byKey.Add(key, begun);
        return begun;
    }

    void Drop(LinkedListNode<PartialPacket> node)
    {
        counters.FragmentsDropped++;
        Forget(node);
        node.Value.Dispose();
    }

    void Forget(LinkedListNode<PartialPacket> node)
    {
        Bytes -= node.Value.Bytes;
        _waiting.Remove(node);
        _byKey.Remove(node.Value.Key);
    }
}
