using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Packets of the client's own TUN device into its circuit: one seal per hop, innermost first, in place. Belongs to one
/// pump thread. Without a circuit every packet is dropped: nothing ever goes beside it.
/// </summary>
public sealed class ClientPlane(IPlaneOwner owner, int slots)
{
    readonly LayerSealer _sealer = new(slots, owner);

    /// <summary>Room that the batch must leave before each packet.</summary>
    public const int Headroom = 16 + (CircuitMtu.MaxHops - 1) * (Frame.HeaderSize + 16);

    /// <summary>Room that the batch must leave behind each packet: padding and tags.</summary>
    public const int Tailroom = CircuitMtu.MaxHops * (16 + 15);

    volatile Circuit? _circuit;

    public PlaneCounters Counters { get; } = new();

    /// <summary>The circuit that new packets take; the owner thread sets it.</summary>
    public Circuit? Circuit { get => _circuit; set => _circuit = value; }

    /// <summary>Turns the packets of the batch into datagrams for the entry; those that cannot go are taken out.</summary>
    public void Handle(PacketBatch batch, Instant now)
    {
        var circuit = _circuit;
        if (circuit is null)
        {
            Counters.Dropped += batch.Count;
            batch.Clear();
            return;
        }
        if (circuit.NoteTraffic(now))
            owner.PostActivity(circuit.Exit.Tunnel);
        var buffer = batch.Buffer;
        for (var level = circuit.Hops.Length - 1; level >= 0; level--)
        {
            var hop = circuit.Hops[level];
            var mtu = CircuitMtu.At(level);
            foreach (ref var slot in batch.Slots)
            {
                if (slot.Length == 0)
                    continue;
                if (level == circuit.Hops.Length - 1)
                    Counters.ClientBytes += slot.Length;
                if (level < circuit.Hops.Length - 1)
                {
                    slot.Offset -= Frame.HeaderSize;
                    new Frame(FrameType.Forward, 0, (ushort)slot.Length, hop.NextChannel).Write(buffer.AsSpan(slot.Offset));
                    slot.Length += Frame.HeaderSize;
                }
                if (slot.Length <= mtu && _sealer.TryAdd(buffer, slot.Offset, slot.Length, hop.Tunnel, mtu, now, out var length))
                {
                    slot.Offset -= Message.DataHeaderSize;
                    slot.Length = length;
                    slot.Remote = circuit.Entry;
                }
                else
                {
                    slot.Length = 0;
                    Counters.Dropped++;
                }
            }
            _sealer.Flush(buffer, now);
        }
        batch.Compact();
    }
}
