using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Linux;

/// <summary>
/// Cuts a packet of up to 64 KiB that the kernel passed whole (TSO, USO) into the packets that it stands for. Where the batch
/// ends first, it goes on with the next one.
/// </summary>
sealed class Segmenter
{
    const byte FinAndPush = 0x09;
    const byte CongestionWindowReduced = 0x80;

    byte[] _packet = [];
    int _length;
    int _ipHeader;
    int _transport;
    int _header;
    int _segment;
    int _next;
    bool _v6;
    bool _tcp;

    /// <summary>True while segments wait to be moved to a batch.</summary>
    internal bool Pending => _next < _length;

    /// <summary>Takes a packet up; the buffer must stay as it is until nothing is pending. A malformed one is dropped.</summary>
    internal void Begin(byte[] buffer, int length, in VirtioHeader header)
    {
        _packet = buffer;
        _length = length;
        _next = length;
        var packet = buffer.AsSpan(0, length);
        _v6 = packet[0] >> 4 == 6;
        _ipHeader = _v6 ? 40 : (packet[0] & 15) * 4;
        _transport = header.ChecksumStart;
        _tcp = header.Kind is VirtioSegmentation.TcpV4 or VirtioSegmentation.TcpV6;
        if (header.Kind == VirtioSegmentation.None || _transport < _ipHeader || _transport + 20 > length && _tcp || _transport + 8 > length)
            return;
        _header = _transport + (_tcp ? (packet[_transport + 12] >> 4) * 4 : 8);
        _segment = header.SegmentSize;
        if (_segment > 0 && _header < length)
            _next = _header;
    }

    /// <summary>Moves segments until none is left (true) or the batch is full (false).</summary>
    internal bool MoveTo(PacketBatch batch, int headroom, int tailroom)
    {
        while (_next < _length)
        {
            var payload = Math.Min(_segment, _length - _next);
            if (!batch.TryReserve(headroom, _header + payload, tailroom, default, out var index))
                return false;
            WriteSegment(batch.Bytes(index), payload);
            _next += payload;
        }
        return true;
    }

    /// <summary>Finishes the checksum of a packet whose field holds only the pseudo header's sum.</summary>
    internal static void CompleteChecksum(Span<byte> packet, in VirtioHeader header)
    {
        var field = header.ChecksumStart + header.ChecksumOffset;
        if (field + 2 > packet.Length)
            return;
        var sum = Checksum.Sum(packet[header.ChecksumStart..]);
        var isUdp = header.ChecksumOffset == UdpView.ChecksumOffset;
        BinaryPrimitives.WriteUInt16BigEndian(packet[field..], isUdp ? Checksum.FinishUdp(sum) : Checksum.Finish(sum));
    }

    void WriteSegment(Span<byte> target, int payload)
    {
        var done = _next - _header;
        _packet.AsSpan(0, _header).CopyTo(target);
        _packet.AsSpan(_next, payload).CopyTo(target[_header..]);
        WriteIpHeader(target, done / _segment);
        var transport = target[_transport..];
        int field;
        if (_tcp)
        {
            var sequence = BinaryPrimitives.ReadUInt32BigEndian(transport[4..]);
            BinaryPrimitives.WriteUInt32BigEndian(transport[4..], sequence + (uint)done);
            if (_next + payload < _length)
                transport[13] &= unchecked((byte)~FinAndPush);
            if (done > 0)
                transport[13] &= unchecked((byte)~CongestionWindowReduced);
            field = 16;
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(transport[4..], (ushort)transport.Length);
            field = 6;
        }
        BinaryPrimitives.WriteUInt16BigEndian(transport[field..], 0);
        var addresses = _v6 ? target.Slice(8, 32) : target.Slice(12, 8);
        var sum = Checksum.Sum(transport, Checksum.PseudoHeader(addresses, _tcp ? IpProtocol.Tcp : IpProtocol.Udp, transport.Length));
        BinaryPrimitives.WriteUInt16BigEndian(transport[field..], _tcp ? Checksum.Finish(sum) : Checksum.FinishUdp(sum));
    }

    void WriteIpHeader(Span<byte> target, int number)
    {
        if (_v6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(target[4..], (ushort)(target.Length - 40));
            return;
        }
        BinaryPrimitives.WriteUInt16BigEndian(target[2..], (ushort)target.Length);
        var id = BinaryPrimitives.ReadUInt16BigEndian(target[4..]);
        BinaryPrimitives.WriteUInt16BigEndian(target[4..], (ushort)(id + number));
        BinaryPrimitives.WriteUInt16BigEndian(target[10..], 0);
        BinaryPrimitives.WriteUInt16BigEndian(target[10..], Checksum.Finish(Checksum.Sum(target[.._ipHeader])));
    }
}
