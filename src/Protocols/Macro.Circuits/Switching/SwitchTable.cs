using System.Collections.Concurrent;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Where messages that come back from next hops belong: (endpoint of the next hop, receiver index) to channel. Pump
/// threads read it without a lock; the owner thread binds and unbinds.
/// </summary>
public sealed class SwitchTable
{
    readonly ConcurrentDictionary<(Endpoint NextHop, uint Index), Channel> _channels = new();
    readonly Dictionary<uint, int> _uses = [];

    public int Count => _channels.Count;

    public bool TryFind(Endpoint nextHop, uint index, out Channel? channel) => _channels.TryGetValue((nextHop, index), out channel);

    /// <summary>True when some channel uses this receiver index, whatever its next hop: own sessions must then take another.</summary>
    public bool Uses(uint index) => _uses.ContainsKey(index);

    internal IEnumerable<uint> Indices => _uses.Keys;

    /// <summary>Binds for a channel. False when another channel has the place: the answer is <see cref="ControlStatus.Busy"/>.</summary>
    internal bool TryBind(Channel channel, uint index)
    {
        if (_channels.TryGetValue((channel.NextHop, index), out var holder))
            return holder == channel;
        _channels[(channel.NextHop, index)] = channel;
        _uses[index] = _uses.GetValueOrDefault(index) + 1;
        channel.Indices.Enqueue(index);
        if (channel.Indices.Count > Channel.MaxIndices)
            Unbind(channel, OldestSpare(channel));
        return true;
    }

    internal void UnbindAll(Channel channel)
    {
        while (channel.Indices.TryDequeue(out var index))
            Unbind(channel, index);
    }

    /// <summary>A renewal that nobody answers is repeated under a new index each time; the session that stands must outlive that.</summary>
    static uint OldestSpare(Channel channel)
    {
        var oldest = channel.Indices.Dequeue();
        if (oldest != channel.Answered)
            return oldest;
        channel.Indices.Enqueue(oldest);
        return channel.Indices.Dequeue();
    }

    void Unbind(Channel channel, uint index)
    {
        if (!_channels.TryRemove((channel.NextHop, index), out _))
            return;
        if (_uses[index] == 1)
            _uses.Remove(index);
        else
            _uses[index]--;
    }
}
