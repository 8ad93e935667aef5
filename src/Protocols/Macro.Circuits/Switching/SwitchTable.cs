using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Where messages that come back from next hops belong: (endpoint of the next hop, receiver index) to channel. Pump
/// threads read it without a lock; the owner thread binds and unbinds.
/// </summary>
/// <remarks>
/// A hash table by index, chained. Indices are random, so two channels seldom share one; but clients choose them, so the
/// place is hashed with the process's own seed, lest somebody fills one chain. A chain changes by single writes, and
/// growing makes new links: a reader always sees a whole table, at worst that of a moment ago.
/// </remarks>
public sealed class SwitchTable
{
    sealed class Binding(uint index, Channel channel, Binding? next)
    {
        public readonly uint Index = index;
        public readonly Channel Channel = channel;
        public volatile Binding? Next = next;
    }

    const int SmallestSize = 16;

    volatile Binding?[] _chains = new Binding?[SmallestSize];

    public int Count { get; private set; }

    /// <summary>Any thread.</summary>
    public bool TryFind(Endpoint nextHop, uint index, out Channel? channel)
    {
        var chains = _chains;
        for (var binding = Volatile.Read(ref ChainOf(chains, index)); binding is not null; binding = binding.Next)
        {
            if (binding.Index != index || binding.Channel.NextHop != nextHop)
                continue;
            channel = binding.Channel;
            return true;
        }
        channel = null;
        return false;
    }

    /// <summary>True when some channel uses this receiver index, whatever its next hop: own sessions must then take another.</summary>
    public bool Uses(uint index)
    {
        var binding = ChainOf(_chains, index);
        while (binding is not null && binding.Index != index)
            binding = binding.Next;
        return binding is not null;
    }

    /// <summary>All that are bound, one for each channel that uses it.</summary>
    internal IEnumerable<uint> Indices
    {
        get
        {
            foreach (var chain in _chains)
                for (var binding = chain; binding is not null; binding = binding.Next)
                    yield return binding.Index;
        }
    }

    /// <summary>Binds for a channel. False when another channel has the place: the answer is <see cref="ControlStatus.Busy"/>.</summary>
    internal bool TryBind(Channel channel, uint index)
    {
        if (TryFind(channel.NextHop, index, out var holder))
            return holder == channel;
        if (channel.TryGiveWay(out var old))
            Unbind(channel, old);
        channel.AddIndex(index);
        if (Count == _chains.Length)
            Grow();
        Link(_chains, index, channel);
        Count++;
        return true;
    }

    internal void UnbindAll(Channel channel)
    {
        while (channel.TryTakeIndex(out var index))
            Unbind(channel, index);
    }

    void Unbind(Channel channel, uint index)
    {
        ref var chain = ref ChainOf(_chains, index);
        Binding? before = null;
        for (var binding = chain; binding is not null; (before, binding) = (binding, binding.Next))
        {
            if (binding.Index != index || binding.Channel != channel)
                continue;
            // Whoever stands on it just now goes on from it: its own link stays.
            if (before is null)
                Volatile.Write(ref chain, binding.Next);
            else
                before.Next = binding.Next;
            Count--;
            return;
        }
    }

    void Grow()
    {
        var grown = new Binding?[2 * _chains.Length];
        foreach (var chain in _chains)
            for (var binding = chain; binding is not null; binding = binding.Next)
                Link(grown, binding.Index, binding.Channel);
        _chains = grown;
    }

    static void Link(Binding?[] chains, uint index, Channel channel)
    {
        ref var chain = ref ChainOf(chains, index);
        Volatile.Write(ref chain, new Binding(index, channel, chain));
    }

    static ref Binding? ChainOf(Binding?[] chains, uint index) => ref chains[HashCode.Combine(index) & (chains.Length - 1)];
}
