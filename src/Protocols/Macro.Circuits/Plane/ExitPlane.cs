using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Packets that the internet answers to exit sessions: found by pool address, the destination rewritten back to the
/// address that all clients share, sealed for the client's session. Belongs to one pump thread.
/// </summary>
public sealed class ExitPlane(ExitLeases leases, IPlaneOwner owner, int slots)
{
    public const int Headroom = 16;
    public const int Tailroom = 16 + 15;

    readonly LayerSealer _sealer = new(slots, owner);

    public PlaneCounters Counters { get; } = new();

    /// <summary>Turns the packets of the batch into datagrams; those that cannot go are taken out.</summary>
    public void Handle(PacketBatch batch, Instant now)
    {
        var buffer = batch.Buffer;
        var hasRoom = false;
        for (var i = 0; i < batch.Count; i++)
        {
            ref var slot = ref batch[i];
            var packet = buffer.AsSpan(slot.Offset, slot.Length);
            if (slot.Length > CircuitMtu.Inner || !SourceRewrite.TryReadDestination(packet, out var destination)
                || ExitResolver.IsForged(packet) || !leases.TryFind(destination, out var lease) || !SourceRewrite.Inbound(packet))
            {
                slot.Length = 0;
                Counters.Unroutable++;
                continue;
            }
            var (payload, least) = (slot.Length, lease!.Inbound.Tunnel.PadTo);
            if (least > 0 && !hasRoom)
            {
                Counters.Dropped += batch.Spread(i, Headroom, CircuitMtu.Payload, Tailroom);
                hasRoom = true;
            }
            if (!_sealer.TryAdd(buffer, slot.Offset, slot.Length, lease.Inbound.Tunnel, least, now, out var length))
            {
                slot.Length = 0;
                Counters.Dropped++;
                continue;
            }
            slot.Offset -= Message.DataHeaderSize;
            slot.Length = length;
            slot.Remote = lease.Inbound.RemoteFor(length, now);
            Counters.ExitBytes += payload;
        }
        _sealer.Flush(buffer, now);
        batch.Compact();
    }
}
