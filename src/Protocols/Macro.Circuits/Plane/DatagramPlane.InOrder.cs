using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>What came by several paths goes through a <see cref="Resequencer"/> that all planes share; at the end of a batch each takes out what is in order.</summary>
public sealed partial class DatagramPlane
{
    /// <summary>Sessions of several paths that are looked after together.</summary>
    const int MostInOrder = 16;

    readonly Tunnel?[] _inOrder = new Tunnel?[MostInOrder];
    readonly Deliveries _ordered = new(ReorderMemory.MakeBatch);
    int _inOrderCount;

    /// <summary>As <see cref="ToClient"/>, of those circuits that have several paths: in the order in which the exit sealed them.</summary>
    public ReadOnlySpan<Delivery> ToClientInOrder => _ordered.Made;

    /// <summary>As <see cref="ToExit"/>, of those sessions that have several paths: in the order in which the client sealed them. Null: there never were any.</summary>
    public PacketBatch? ToExitInOrder { get; private set; }

    /// <summary>The session has several paths, and the packet comes out when it is its turn. Every message of it counts, what it carries or not.</summary>
    bool IsKept(Resequencer? order, Session session, ulong counter, ReadOnlySpan<byte> packet, in Arrival arrival, Instant now)
    {
        if (order is null)
            return false;
        if (Array.IndexOf(_inOrder, session.Tunnel, 0, _inOrderCount) < 0)
        {
            if (_inOrderCount == MostInOrder)
                TakeInOrder(now);
            _inOrder[_inOrderCount++] = session.Tunnel;
        }
        var path = session.Tunnel.Context is Inbound inbound ? inbound.Paths?.IdOf(arrival.Source) : arrival.Via?.Meter?.Id;
        return order.Add(session.Created.Ticks, counter, packet, path ?? 0, now);
    }

    void TakeInOrder(Instant now)
    {
        for (var i = 0; i < _inOrderCount; i++)
        {
            var tunnel = _inOrder[i]!;
            var (order, batch) = tunnel.Context switch
            {
                Inbound inbound => (inbound.Order, ToExitInOrder ??= ReorderMemory.MakeBatch()),
                Hop { Circuit.End: { } end } hop => (hop.Order, _ordered.To(end)),
                _ => (null, null),
            };
            if (order is not null && order.Take(batch!, now))
                _owner.PostActivity(tunnel);
        }
        Array.Clear(_inOrder, 0, _inOrderCount);
        _inOrderCount = 0;
    }

    void ClearOrdered()
    {
        _ordered.Clear();
        ToExitInOrder?.Clear();
    }
}
