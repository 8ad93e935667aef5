using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Linux;

/// <summary>The arrays behind one recvmmsg. The kernel writes straight into the batch; joined datagrams are cut by adding slots.</summary>
sealed unsafe class ReceiveVector
{
    const int MostMessages = 64;
    const int LargestDatagram = 65536;

    /// <summary>Room for each datagram where none are joined: more than any link carries in one frame.</summary>
    const int JumboDatagram = 16384;

    /// <summary>The kernel joins at most so many datagrams (UDP_GRO_CNT_MAX).</summary>
    const int MostJoined = 64;

    /// <summary>Room for the control messages of one receive: UDP_GRO, IP_TOS and IPV6_TCLASS with some to spare.</summary>
    const int ControlSize = 128;

    [ThreadStatic] static ReceiveVector? t_ofThread;

    readonly Interop.BatchMessage[] _messages = GC.AllocateArray<Interop.BatchMessage>(MostMessages, pinned: true);
    readonly Interop.IoVector[] _vectors = GC.AllocateArray<Interop.IoVector>(MostMessages, pinned: true);
    readonly Interop.SocketAddress[] _addresses = GC.AllocateArray<Interop.SocketAddress>(MostMessages, pinned: true);
    readonly byte[] _controls = GC.AllocateArray<byte>(MostMessages * ControlSize, pinned: true);

    internal static ReceiveVector OfThread => t_ofThread ??= new ReceiveVector();

    /// <summary>Waits for one datagram, if it is to wait, and takes what else is there. An error leaves the batch empty.</summary>
    internal void Receive(FileDescriptor socket, PacketBatch batch, bool joined, bool wait = true)
    {
        var bytes = batch.Buffer.Length;
        var count = joined
            ? Math.Clamp(Math.Min(bytes / LargestDatagram, batch.Capacity / MostJoined), 1, MostMessages)
            : Math.Clamp(Math.Min(bytes / JumboDatagram, batch.Capacity), 1, MostMessages);
        var size = Math.Min(bytes / count, LargestDatagram);
        int received;
        fixed (byte* buffer = batch.Buffer, controls = _controls)
        fixed (Interop.BatchMessage* messages = _messages)
        fixed (Interop.IoVector* vectors = _vectors)
        fixed (Interop.SocketAddress* addresses = _addresses)
        {
            for (var i = 0; i < count; i++)
            {
                vectors[i] = new() { Base = buffer + i * size, Length = (nuint)size };
                messages[i].Header = new()
                {
                    Name = addresses + i,
                    NameLength = Interop.SocketAddress.V6Size,
                    Vectors = vectors + i,
                    VectorCount = 1,
                    Control = controls + i * ControlSize,
                    ControlLength = ControlSize,
                };
            }
            received = Interop.ReceiveMessages(socket, messages, (uint)count, wait ? Interop.MSG_WAITFORONE : Interop.MSG_DONTWAIT, null);
        }
        for (var i = 0; i < received; i++)
        {
            var length = (int)_messages[i].Length;
            if (_messages[i].Header.NameLength == 0 || (_messages[i].Header.Flags & Interop.MSG_TRUNC) != 0)
                continue;
            var (segment, ecn) = ReadControls(_controls.AsSpan(i * ControlSize, (int)Math.Min(_messages[i].Header.ControlLength, ControlSize)));
            var remote = _addresses[i].Read();
            if (segment <= 0)
                segment = Math.Max(length, 1);
            for (var at = 0; at < length; at += segment)
                batch.TryAdd(i * size + at, Math.Min(segment, length - at), remote, ecn);
        }
    }

    static (int Segment, Ecn Ecn) ReadControls(ReadOnlySpan<byte> controls)
    {
        var segment = 0;
        var ecn = Ecn.NotCapable;
        while (controls.Length >= sizeof(Interop.ControlHeader))
        {
            var header = MemoryMarshal.Read<Interop.ControlHeader>(controls);
            var length = (int)header.Length;
            if (length <= sizeof(Interop.ControlHeader) || length > controls.Length)
                break;
            var data = controls[sizeof(Interop.ControlHeader)..length];
            switch (header.Level, header.Type)
            {
                case (Interop.SOL_UDP, Interop.UDP_GRO):
                    segment = BitConverter.ToInt32(data);
                    break;
                case (Interop.IPPROTO_IP, Interop.IP_TOS):
                    ecn = (Ecn)(data[0] & 3);
                    break;
                case (Interop.IPPROTO_IPV6, Interop.IPV6_TCLASS):
                    ecn = (Ecn)(BitConverter.ToInt32(data) & 3);
                    break;
            }
            controls = controls[Math.Min(controls.Length, (length + 7) & ~7)..];
        }
        return (segment, ecn);
    }
}
