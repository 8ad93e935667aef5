using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Linux;

/// <summary>
/// Writes a batch to a TUN device with as few system calls as may be: neighbours of one TCP or UDP flow go as one large
/// packet, which the kernel takes through its stack at once (as its own GRO would have made it). Payloads are not copied.
/// </summary>
sealed unsafe class Coalescer
{
    const int MostVectors = 256;
    const int LargestPacket = 65535;
    const byte Push = 0x08;

    [ThreadStatic] static Coalescer? t_ofThread;

    readonly Interop.IoVector[] _vectors = GC.AllocateArray<Interop.IoVector>(MostVectors, pinned: true);
    PacketShape _shape;
    int _first;
    int _count;
    int _total;
    uint _nextSequence;
    bool _open;

    internal static Coalescer OfThread => t_ofThread ??= new Coalescer();

    internal void Write(FileDescriptor tun, PacketBatch batch, bool joinUdp)
    {
        _count = 0;
        for (var i = 0; i < batch.Count; i++)
        {
            var packet = batch.Bytes(i);
            var joinable = PacketShape.TryRead(packet, out var shape) && (shape.IsTcp || joinUdp);
            if (_count > 0 && joinable && TryJoin(batch, i, packet, shape))
                continue;
            Flush(tun, batch);
            Start(batch, i, packet, shape, joinable);
        }
        Flush(tun, batch);
    }

    void Start(PacketBatch batch, int index, ReadOnlySpan<byte> packet, in PacketShape shape, bool joinable)
    {
        _first = index;
        _shape = shape;
        _total = packet.Length;
        _count = 1;
        // The first packet's headers will stand for all: they must be sound before another joins.
        _open = joinable && (shape.Flags & Push) == 0;
        _nextSequence = shape.Sequence + (uint)shape.Payload;
        _vectors[1] = VectorOf(batch, batch[index].Offset, packet.Length);
    }

    bool TryJoin(PacketBatch batch, int index, ReadOnlySpan<byte> packet, in PacketShape shape)
    {
        var first = batch.Bytes(_first);
        if (!_open || shape.Payload > _shape.Payload || _total + shape.Payload > LargestPacket || _count + 2 >= MostVectors
            || (shape.IsTcp && shape.Sequence != _nextSequence) || !shape.IsSameFlow(packet, _shape, first))
            return false;
        if (_count == 1 && !_shape.HasValidChecksums(first))
        {
            _open = false;
            return false;
        }
        if (!shape.HasValidChecksums(packet))
            return false;
        if (shape.IsTcp)
            first[_shape.Transport + 13] |= (byte)(shape.Flags & Push);
        _open = shape.Payload == _shape.Payload && (shape.Flags & Push) == 0;
        _nextSequence += (uint)shape.Payload;
        _total += shape.Payload;
        _count++;
        _vectors[_count] = VectorOf(batch, batch[index].Offset + shape.Header, shape.Payload);
        return true;
    }

    void Flush(FileDescriptor tun, PacketBatch batch)
    {
        if (_count == 0)
            return;
        VirtioHeader header = default;
        if (_count > 1)
            Describe(batch.Bytes(_first), ref header);
        fixed (Interop.IoVector* vectors = _vectors)
        {
            vectors[0] = new() { Base = &header, Length = VirtioHeader.Size };
            while (Interop.WriteV(tun, vectors, _count + 1) < 0 && Interop.LastError == Interop.EINTR) { }
        }
        _count = 0;
    }

    /// <summary>Turns the first packet's headers into those of the whole, with a checksum over the pseudo header only.</summary>
    void Describe(Span<byte> first, ref VirtioHeader header)
    {
        header.Flags = VirtioHeader.NeedsChecksum;
        header.Segmentation = _shape.IsTcp ? _shape.V6 ? VirtioSegmentation.TcpV6 : VirtioSegmentation.TcpV4 : VirtioSegmentation.Udp;
        header.HeaderLength = (ushort)_shape.Header;
        header.SegmentSize = (ushort)_shape.Payload;
        header.ChecksumStart = (ushort)_shape.Transport;
        header.ChecksumOffset = (ushort)(_shape.IsTcp ? 16 : 6);
        if (_shape.V6)
        {
            BinaryPrimitives.WriteUInt16BigEndian(first[4..], (ushort)(_total - 40));
        }
        else
        {
            BinaryPrimitives.WriteUInt16BigEndian(first[2..], (ushort)_total);
            BinaryPrimitives.WriteUInt16BigEndian(first[10..], 0);
            BinaryPrimitives.WriteUInt16BigEndian(first[10..], Checksum.Finish(Checksum.Sum(first[..20])));
        }
        var length = _total - _shape.Transport;
        if (!_shape.IsTcp)
            BinaryPrimitives.WriteUInt16BigEndian(first[(_shape.Transport + 4)..], (ushort)length);
        var pseudo = Checksum.PseudoHeader(_shape.Addresses(first), _shape.Protocol, length);
        BinaryPrimitives.WriteUInt16BigEndian(first[(_shape.Transport + header.ChecksumOffset)..], pseudo);
    }

    static Interop.IoVector VectorOf(PacketBatch batch, int offset, int length)
    {
        // The buffer of a batch is pinned for its life.
        fixed (byte* buffer = batch.Buffer)
            return new() { Base = buffer + offset, Length = (nuint)length };
    }
}
