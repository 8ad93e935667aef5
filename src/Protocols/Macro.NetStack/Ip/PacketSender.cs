using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>A queue of packets on its way out: those that are larger than their path leave in fragments.</summary>
sealed class PacketSender(int mostBytes, PathMtus paths, IRandom random)
{
    readonly PacketQueue _queue = new(mostBytes);

    // Of the first packet, when it leaves in fragments.
    int _sent;
    uint _identification;

    public bool IsEmpty => _queue.Count == 0;

    /// <summary>Half of the room is taken: whoever can wait, should.</summary>
    public bool IsBusy => _queue.Bytes > mostBytes / 2;

    /// <summary>See <see cref="PacketQueue.TryAdd"/>.</summary>
    public bool TryAdd(in IpHeader header, int length, out Span<byte> payload) => _queue.TryAdd(header, length, out payload);

    /// <summary>The next packet or fragment. False: none waits.</summary>
    public bool TryTransmit(Span<byte> room, Instant now, out int length)
    {
        length = 0;
        if (_queue.Count == 0)
            return false;
        ref readonly var header = ref _queue.Header;
        var payload = _queue.Payload;
        var v4 = header.Source.IsV4;
        var mtu = Math.Min(paths.Find(header.Destination, now), room.Length);
        length = IpHeader.Size(v4) + payload.Length;
        if (_sent == 0 && length <= mtu)
        {
            payload.CopyTo(room[IpHeader.Size(v4)..]);
            header.Write(room[..length]);
            _queue.Remove();
            return true;
        }
        // Chance tells nobody how much others fragment, as a counter would.
        if (_sent == 0)
            _identification = random.NextUInt32();
        var part = Math.Min((mtu - IpHeader.FragmentSize(v4)) & ~7, payload.Length - _sent);
        length = IpHeader.FragmentSize(v4) + part;
        payload.Slice(_sent, part).CopyTo(room[IpHeader.FragmentSize(v4)..]);
        header.WriteFragment(room[..length], _identification, _sent, _sent + part < payload.Length);
        _sent += part;
        if (_sent == payload.Length)
        {
            _sent = 0;
            _queue.Remove();
        }
        return true;
    }
}
