using Macro.Core;
using Macro.Core.Packets;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Packets of one end of a client into its circuit: one seal per hop, innermost first, in place. Belongs to one thread
/// at a time. Without a circuit every packet is dropped: nothing ever goes beside it. Nor does a packet with another
/// source than the inner address go in: a connection that is older than the circuit still bears the machine's own
/// address, and the exit would read it.
/// </summary>
public sealed class ClientPlane(IPlaneOwner owner, int slots)
{
    readonly LayerSealer _sealer = new(slots, owner);
    readonly Hop[][] _ways = new Hop[slots][];

    /// <summary>Room that the batch must leave before each packet.</summary>
    public const int Headroom = Message.DataHeaderSize + (CircuitMtu.MaxHops - 1) * (Frame.HeaderSize + Message.DataHeaderSize);

    /// <summary>Room that the batch must leave behind each packet: padding and tags.</summary>
    public const int Tailroom = CircuitMtu.MaxHops * Message.DataTailroom;

    volatile Circuit? _circuit;

    /// <summary>Planes that the same thread uses may have them in common.</summary>
    public PlaneCounters Counters { get; init; } = new();

    /// <summary>The circuit that new packets take; the owner thread sets it.</summary>
    public Circuit? Circuit { get => _circuit; set => _circuit = value; }

    /// <summary>
    /// Datagrams of the last call that go by a second way as well, while the last hop changes between the two or a relay is
    /// suspect; null while none ever did. To be sent beside the batch.
    /// </summary>
    public PacketBatch? Copies { get; private set; }

    /// <summary>Turns the packets of the batch into datagrams for the entry; those that cannot go are taken out.</summary>
    public void Handle(PacketBatch batch, Instant now)
    {
        Copies?.Clear();
        var circuit = _circuit;
        if (circuit is null)
        {
            Counters.Dropped += batch.Count;
            batch.Clear();
            return;
        }
        KeepInner(batch, circuit.Internet, now);
        if (batch.Count > 0 && circuit.NoteTraffic(now))
            owner.PostActivity(circuit.Exit.Tunnel);
        var (hops, paths) = (circuit.Hops, circuit.Paths);
        if (circuit.IsConstantSize)
            Counters.Dropped += batch.Spread(0, Headroom, CircuitMtu.Inner, Tailroom);
        for (var level = hops.Length - 1; level >= 0; level--)
        {
            if (level < hops.Length - 1)
            {
                SealLayer(batch, level, paths is null ? hops : null, now);
                continue;
            }
            SealLayer(batch, level, hops, now);
            if (paths is not null)
            {
                ChooseWays(batch, paths, now);
                continue;
            }
            var way = hops[level].Direct;
            if (way is not { Alone: true } && circuit.Beside is { } beside)
                CarryCopies(batch, beside.Hops, now);
            if (way is not null && Bypass(batch, way))
                break;
        }
        batch.Compact();
    }

    /// <summary>What is sealed for the exit goes by one of several paths.</summary>
    void ChooseWays(PacketBatch batch, PathScheduler<Hop[]> paths, Instant now)
    {
        for (var i = 0; i < batch.Count; i++)
            if (batch[i].Length > 0)
                _ways[i] = paths.Choose(batch[i].Length, now);
    }

    /// <summary>What is sealed for the exit goes by the other path, too.</summary>
    void CarryCopies(PacketBatch batch, Hop[] hops, Instant now)
    {
        Copies ??= MakeCopies(batch);
        foreach (ref var slot in batch.Slots)
            if (slot.Length > 0)
                Copies.TryCopy(batch.Buffer.AsSpan(slot.Offset, slot.Length), default, Headroom, Tailroom);
        for (var level = hops.Length - 1; level >= 0; level--)
            SealLayer(Copies, level, hops, now);
        Copies.Compact();
    }

    /// <summary>True when the batch needs no further layer.</summary>
    bool Bypass(PacketBatch batch, DirectWay way)
    {
        if (!way.Alone)
            Copies ??= MakeCopies(batch);
        foreach (ref var slot in batch.Slots)
        {
            if (slot.Length == 0)
                continue;
            if (way.Alone)
                slot.Remote = way.Remote;
            else
                Copies!.TryCopy(batch.Buffer.AsSpan(slot.Offset, slot.Length), way.Remote);
        }
        return way.Alone;
    }

    /// <summary>For each packet one by the other path and one by the direct way.</summary>
    PacketBatch MakeCopies(PacketBatch batch) => new(2 * batch.Buffer.Length, 2 * slots);

    void KeepInner(PacketBatch batch, InternetWatch internet, Instant now)
    {
        foreach (ref var slot in batch.Slots)
        {
            if (IpView.TryParse(batch.Buffer.AsSpan(slot.Offset, slot.Length), out var packet)
                && packet.Source == AddressPair.Inner.OfFamily(packet.IsV4))
            {
                internet.NoteSent(packet, now);
                continue;
            }
            slot.Length = 0;
            Counters.Unroutable++;
        }
        batch.Compact();
    }

    /// <param name="way">Of all packets; null: each has its own.</param>
    void SealLayer(PacketBatch batch, int level, Hop[]? way, Instant now)
    {
        var buffer = batch.Buffer;
        for (var i = 0; i < batch.Count; i++)
        {
            ref var slot = ref batch[i];
            if (slot.Length == 0)
                continue;
            var hops = way ?? _ways[i];
            if (TrySeal(buffer, ref slot, hops[level], now, out var length))
            {
                slot.Offset -= Message.DataHeaderSize;
                slot.Length = length;
                slot.Remote = hops[0].Remote;
            }
            else
            {
                slot.Length = 0;
                Counters.Dropped++;
            }
        }
        _sealer.Flush(buffer, now);
    }

    bool TrySeal(byte[] buffer, ref PacketSlot slot, Hop hop, Instant now, out int length)
    {
        if (hop.Next is null)
        {
            Counters.ClientBytes += slot.Length;
            length = 0;
            return slot.Length <= CircuitMtu.Inner && _sealer.TryAdd(buffer, slot.Offset, slot.Length, hop.Tunnel, hop.PadTo, now, out length);
        }
        slot.Offset -= Frame.HeaderSize;
        new Frame(FrameType.Forward, 0, (ushort)slot.Length, hop.NextChannel).Write(buffer.AsSpan(slot.Offset));
        slot.Length += Frame.HeaderSize;
        return _sealer.TryAdd(buffer, slot.Offset, slot.Length, hop.Tunnel, hop.PadTo, now, out length);
    }
}
