using Macro.Core;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>Extends to next hops that are being met, each with the initiation that came behind it. Bounded.</summary>
sealed class WaitingExtends
{
    const int Most = 256;

    /// <summary>The client has given up by then.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(12);

    public sealed class Waiting(Inbound inbound, uint request, uint channel, NodeId node, Instant until)
    {
        public readonly Inbound Inbound = inbound;
        public readonly uint Request = request, Channel = channel;
        public readonly NodeId Node = node;
        public readonly Instant Until = until;

        /// <summary>The newest initiation for the channel, or null.</summary>
        public byte[]? Initiation;
    }

    readonly List<Waiting> _waiting = [];

    /// <summary>False when too many wait.</summary>
    public bool TryAdd(Inbound inbound, uint request, uint channel, NodeId node, Instant now)
    {
        _waiting.RemoveAll(w => w.Until <= now);
        if (_waiting.Exists(w => w.Inbound == inbound && w.Channel == channel))
            return true;
        if (_waiting.Count >= Most)
            return false;
        _waiting.Add(new Waiting(inbound, request, channel, node, now + s_patience));
        return true;
    }

    public bool TryHold(Inbound inbound, uint channel, ReadOnlySpan<byte> initiation)
    {
        if (_waiting.Find(w => w.Inbound == inbound && w.Channel == channel) is not { } waiting)
            return false;
        waiting.Initiation = initiation.ToArray();
        return true;
    }

    public bool TryTake(NodeId node, out Waiting waiting)
    {
        waiting = _waiting.Find(w => w.Node == node)!;
        return waiting is not null && _waiting.Remove(waiting);
    }

    public void Forget(Inbound inbound) => _waiting.RemoveAll(w => w.Inbound == inbound);
}
