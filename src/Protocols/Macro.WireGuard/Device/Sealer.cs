using Macro.Core;
using Macro.Core.Packets;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>The way out of a <see cref="Device"/>: IP packets become datagrams where they lie, by batch. One per pump thread; allocates nothing.</summary>
public sealed class Sealer
{
    readonly Device _device;
    readonly IDeviceSink _sink;
    readonly AeadJob[] _jobs;
    readonly HeldSessions _held;

    /// <param name="capacity">Most packets of a batch.</param>
    public Sealer(Device device, IDeviceSink sink, int capacity)
    {
        (_device, _sink) = (device, sink);
        _jobs = new AeadJob[capacity];
        _held = new HeldSessions(capacity);
    }

    /// <summary>Routes by destination, pads and seals. Packets without a session go to the sink, those without a peer are dropped.</summary>
    /// <param name="fromTun">Each with <see cref="Device.Headroom"/> bytes before and <see cref="Device.Tailroom"/> bytes behind it.</param>
    /// <param name="toUdp">Over the memory of <paramref name="fromTun"/>; cleared, then filled in order.</param>
    public void HandlePackets(PacketBatch fromTun, PacketBatch toUdp, Instant now)
    {
        ArgumentNullException.ThrowIfNull(fromTun);
        ArgumentNullException.ThrowIfNull(toUdp);
        toUdp.Clear();
        var jobs = 0;
        foreach (ref readonly var slot in fromTun.Slots)
        {
            var packet = fromTun.Buffer.AsSpan(slot.Offset, slot.Length);
            if (jobs < _jobs.Length
                && IpView.TryReadDestination(packet, out var destination)
                && _device.AllowedIps.Find(destination) is { Tunnel: { } tunnel } peer
                && !TryPrepare(peer, tunnel, slot, toUdp, now, ref jobs))
            {
                _sink.HandlePacket(peer, packet);
            }
        }

        Aead.Seal(fromTun.Buffer, _jobs.AsSpan(0, jobs));
        _jobs.AsSpan(0, jobs).Clear();
        for (var i = 0; i < _held.Count; i++)
        {
            ref var held = ref _held[i];
            var tunnel = held.Session.Tunnel;
            if (held.Messages > 0 && tunnel.Activity.NoteDataSent(held.Session, now, held.DataPackets, held.Bytes) && tunnel.Context is Peer peer)
                _sink.HandleActivity(peer);
        }
        _held.ReleaseAll();
    }

    bool TryPrepare(Peer peer, Tunnel tunnel, in PacketSlot slot, PacketBatch toUdp, Instant now, ref int jobs)
    {
        if (tunnel.Sending is not { } session || !session.IsLive(now) || _held.Hold(session) is not (>= 0 and var index))
            return false;
        var endpoint = peer.Endpoint;
        var padded = Message.PaddedLength(slot.Length, tunnel.Mtu);
        var start = slot.Offset - Message.DataHeaderSize;
        var length = padded + Message.DataOverhead;
        // Nowhere to send to, or no slot left: lost, as on any full link.
        if (endpoint.IsNone || toUdp.Count == toUdp.Capacity)
            return true;
        if (!session.TryPrepareSeal(toUdp.Buffer.AsSpan(start, Message.DataHeaderSize), now, out var counter))
            return false;
        toUdp.TryAdd(start, length, endpoint, EcnField.ForOuter(toUdp.Buffer.AsSpan(slot.Offset, slot.Length)));
        toUdp.Buffer.AsSpan(slot.Offset + slot.Length, padded - slot.Length).Clear();
        _jobs[jobs++] = new AeadJob { Key = session.SendKey, Counter = counter, Offset = slot.Offset, Length = padded };
        ref var held = ref _held[index];
        held.Messages++;
        held.DataPackets++;
        held.Bytes += length;
        return true;
    }
}
