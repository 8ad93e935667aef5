using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Seals payloads of a batch in place, one layer at a time: pads, writes the data header into the headroom, and runs the
/// whole layer as one batch of the AEAD (WireGuard whitepaper 5.4.6). Belongs to one pump thread.
/// </summary>
sealed class LayerSealer(int capacity, IPlaneOwner owner)
{
    readonly AeadJob[] _jobs = new AeadJob[capacity];
    readonly HeldSessions _held = new(capacity);
    int _count;

    /// <summary>
    /// Adds the payload at <paramref name="offset"/>: on success its datagram starts 16 bytes before. Needs 16 bytes of headroom,
    /// and up to 31 bytes of tailroom. False when the tunnel has no session to seal with, or the payload is too long.
    /// Every layer is padded as WireGuard pads, so that on no leg a datagram's size tells it from any other tunnel's.
    /// </summary>
    /// <param name="least">The tunnel's <see cref="Tunnel.PadTo"/>, for which the caller made room.</param>
    public bool TryAdd(byte[] buffer, int offset, int length, Tunnel tunnel, int least, Instant now, out int datagramLength)
    {
        datagramLength = 0;
        if (length > CircuitMtu.Payload || tunnel.Sending is not { } session || _held.Hold(session) is not (>= 0 and var index))
            return false;
        var padded = Math.Max(Message.PaddedLength(length, CircuitMtu.Payload), least);
        if (!session.TryPrepareSeal(buffer.AsSpan(offset - Message.DataHeaderSize, Message.DataHeaderSize), now, out var counter))
            return false;
        buffer.AsSpan(offset + length, padded - length).Clear();
        _jobs[_count++] = new AeadJob { Key = session.SendKey, Counter = counter, Offset = offset, Length = padded };
        datagramLength = padded + Message.DataOverhead;
        ref var held = ref _held[index];
        held.Messages++;
        held.Bytes += datagramLength;
        return true;
    }

    /// <summary>Seals everything added and tells the sessions.</summary>
    public void Flush(byte[] buffer, Instant now)
    {
        Aead.Seal(buffer, _jobs.AsSpan(0, _count));
        _jobs.AsSpan(0, _count).Clear();
        _count = 0;
        for (var i = 0; i < _held.Count; i++)
        {
            ref readonly var held = ref _held[i];
            if (held.Messages > 0 && held.Session.Tunnel.Activity.NoteDataSent(held.Session, now, held.Messages, held.Bytes))
                owner.PostActivity(held.Session.Tunnel);
        }
        _held.ReleaseAll();
    }
}
