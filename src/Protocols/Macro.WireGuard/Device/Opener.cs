using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>The way into a <see cref="Device"/>: datagrams become IP packets where they lie, by batch. One per pump thread; allocates nothing.</summary>
public sealed class Opener
{
    readonly Device _device;
    readonly IDeviceSink _sink;
    readonly AeadJob[] _jobs;
    readonly (int Slot, int Held)[] _origins;
    readonly HeldSessions _held;

    /// <param name="capacity">Most datagrams of a batch.</param>
    public Opener(Device device, IDeviceSink sink, int capacity)
    {
        (_device, _sink) = (device, sink);
        _jobs = new AeadJob[capacity];
        _origins = new (int, int)[capacity];
        _held = new HeldSessions(capacity);
    }

    /// <summary>
    /// Opens data messages, refuses replays, lets the peer roam, checks the inner source against the allowed IPs and cuts the padding.
    /// Handshake messages go to the sink; keepalives end here; all else is dropped silently.
    /// </summary>
    /// <param name="toTun">Over the memory of <paramref name="received"/>; cleared, then filled in order.</param>
    public void HandleDatagrams(PacketBatch received, PacketBatch toTun, Instant now)
    {
        ArgumentNullException.ThrowIfNull(received);
        ArgumentNullException.ThrowIfNull(toTun);
        toTun.Clear();
        var jobs = 0;
        var slots = received.Slots;
        for (var i = 0; i < slots.Length; i++)
        {
            var datagram = received.Buffer.AsSpan(slots[i].Offset, slots[i].Length);
            if (!Message.TryReadType(datagram, out var type))
                continue;
            if (type != MessageType.Data)
                _sink.HandleHandshake(datagram, slots[i].Remote);
            else if (jobs < _jobs.Length)
                Prepare(datagram, i, slots[i].Offset, now, ref jobs);
        }

        Aead.Open(received.Buffer, _jobs.AsSpan(0, jobs));
        for (var i = 0; i < jobs; i++)
            if (_jobs[i].Ok)
                Deliver(_jobs[i], _origins[i], received, toTun);
        _jobs.AsSpan(0, jobs).Clear();

        for (var i = 0; i < _held.Count; i++)
        {
            ref var held = ref _held[i];
            var tunnel = held.Session.Tunnel;
            if (held.Messages > 0 && tunnel.Activity.NoteReceived(held.Session, now, held.DataPackets, held.Bytes) && tunnel.Context is Peer peer)
                _sink.HandleActivity(peer);
        }
        _held.ReleaseAll();
    }

    void Prepare(ReadOnlySpan<byte> datagram, int slot, int offset, Instant now, ref int jobs)
    {
        var index = BinaryPrimitives.ReadUInt32LittleEndian(datagram[Message.DataReceiver..]);
        var counter = Message.ReadCounter(datagram);
        if (!_device.Indices.TryFind(index, out _, out var session) || session is null || !session.MayOpen(counter, now)
            || _held.Hold(session) is not (>= 0 and var held))
        {
            return;
        }
        _origins[jobs] = (slot, held);
        _jobs[jobs++] = new AeadJob
        {
            Key = session.ReceiveKey,
            Counter = counter,
            Offset = offset + Message.DataHeaderSize,
            Length = datagram.Length - Message.DataOverhead,
        };
    }

    void Deliver(in AeadJob job, (int Slot, int Held) origin, PacketBatch received, PacketBatch toTun)
    {
        ref var held = ref _held[origin.Held];
        if (!held.Session.TryAccept(job.Counter) || held.Session.Tunnel.Context is not Peer peer)
            return;
        ref readonly var slot = ref received[origin.Slot];
        held.Messages++;
        held.Bytes += slot.Length;
        peer.Endpoint = slot.Remote;
        if (job.Length == 0)
            return;
        held.DataPackets++;
        var packet = received.Buffer.AsSpan(job.Offset, job.Length);
        if (IpView.TryReadSource(packet, out var source, out var length)
            && _device.AllowedIps.Find(source) == peer
            && EcnField.TryMark(packet, slot.Ecn))
        {
            toTun.TryAdd(job.Offset, length, default, slot.Ecn);
        }
    }
}
