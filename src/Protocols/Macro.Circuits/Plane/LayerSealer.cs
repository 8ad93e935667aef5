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
    readonly Session[] _sessions = new Session[capacity];
    int _count;

    /// <summary>
    /// Adds the payload at <paramref name="offset"/>: on success its datagram starts 16 bytes before. Needs 16 bytes of headroom,
    /// and up to 31 bytes of tailroom. False when the tunnel has no session to seal with, or the payload is too long.
    /// Every layer is padded as WireGuard pads, so that on no leg a datagram's size tells it from any other tunnel's.
    /// </summary>
    public bool TryAdd(byte[] buffer, int offset, int length, Tunnel tunnel, Instant now, out int datagramLength)
    {
        datagramLength = 0;
        var session = tunnel.Sending;
        if (length > CircuitMtu.Payload || session is null || !session.TryAcquire())
            return false;
        var padded = Message.PaddedLength(length, CircuitMtu.Payload);
        var start = offset - Message.DataHeaderSize;
        if (!session.TryPrepareSeal(buffer.AsSpan(start, Message.DataHeaderSize), now, out var counter))
        {
            session.Release();
            return false;
        }
        buffer.AsSpan(offset + length, padded - length).Clear();
        _jobs[_count] = new AeadJob { Key = session.SendKey, Counter = counter, Offset = offset, Length = padded };
        _sessions[_count++] = session;
        datagramLength = padded + Message.DataOverhead;
        return true;
    }

    /// <summary>Seals everything added and tells the sessions.</summary>
    public void Flush(byte[] buffer, Instant now)
    {
        if (_count == 0)
            return;
        Aead.Seal(buffer, _jobs.AsSpan(0, _count));
        for (var first = 0; first < _count;)
        {
            var session = _sessions[first];
            var (last, bytes) = (first, 0L);
            for (; last < _count && _sessions[last] == session; last++)
            {
                bytes += _jobs[last].Length + Message.DataOverhead;
                session.Release();
            }
            if (session.Tunnel.Activity.NoteDataSent(session, now, last - first, bytes))
                owner.PostActivity(session.Tunnel);
            first = last;
        }
        _jobs.AsSpan(0, _count).Clear();
        _sessions.AsSpan(0, _count).Clear();
        _count = 0;
    }
}
