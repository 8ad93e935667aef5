using Macro.Core;

namespace Macro.Linux;

/// <summary>The arrays behind one sendmmsg: each message is a run of datagrams alike in target, ECN and length.</summary>
sealed unsafe class SendVector
{
    const int MostMessages = 128;
    const int MostVectors = 512;

    /// <summary>Limits of the kernel for one segmented send (UDP_MAX_SEGMENTS, and the largest IPv6 datagram).</summary>
    const int MostSegments = 64;
    const int MostBytes = 65535 - 40 - 8;

    const int ControlSize = 48;

    [ThreadStatic] static SendVector? t_ofThread;

    readonly Interop.BatchMessage[] _messages = GC.AllocateArray<Interop.BatchMessage>(MostMessages, pinned: true);
    readonly Interop.IoVector[] _vectors = GC.AllocateArray<Interop.IoVector>(MostVectors, pinned: true);
    readonly Interop.SocketAddress[] _addresses = GC.AllocateArray<Interop.SocketAddress>(MostMessages, pinned: true);
    readonly byte[] _controls = GC.AllocateArray<byte>(MostMessages * ControlSize, pinned: true);
    readonly int[] _firstSlots = new int[MostMessages];

    internal static SendVector OfThread => t_ofThread ??= new SendVector();

    /// <summary>False when the device turned out to be unable to segment; everything was sent one by one then.</summary>
    internal bool Send(FileDescriptor socket, int family, PacketBatch batch, bool segments)
    {
        var able = true;
        for (var next = 0; next < batch.Count;)
        {
            var count = Gather(family, batch, segments && able, ref next);
            able &= Flush(socket, family, batch, count);
        }
        return able;
    }

    /// <summary>Lays out as many messages as fit, from slot <paramref name="next"/> on.</summary>
    int Gather(int family, PacketBatch batch, bool segments, ref int next)
    {
        var slots = batch.Slots;
        int count = 0, used = 0;
        while (next < slots.Length && count < MostMessages && used < MostVectors)
        {
            ref var first = ref slots[next];
            if (family == Interop.AF_INET && first.Remote.Address.IsV6)
            {
                next++;
                continue;
            }
            var run = segments ? RunLength(slots[next..], MostVectors - used) : 1;
            Lay(count, used, family, batch, next, run);
            _firstSlots[count++] = next;
            used += run;
            next += run;
        }
        return count;
    }

    static int RunLength(ReadOnlySpan<PacketSlot> slots, int room)
    {
        ref readonly var first = ref slots[0];
        var most = Math.Min(Math.Min(slots.Length, MostSegments), room);
        var bytes = first.Length;
        var run = 1;
        while (run < most)
        {
            ref readonly var slot = ref slots[run];
            bytes += slot.Length;
            if (slot.Length > first.Length || slot.Length == 0 || bytes > MostBytes || slot.Ecn != first.Ecn || slot.Remote != first.Remote)
                break;
            run++;
            if (slot.Length < first.Length)
                break;
        }
        return run;
    }

    void Lay(int message, int vector, int family, PacketBatch batch, int slot, int run)
    {
        var slots = batch.Slots.Slice(slot, run);
        _addresses[message].Write(slots[0].Remote, family);
        fixed (byte* buffer = batch.Buffer, controls = _controls)
        fixed (Interop.IoVector* vectors = _vectors)
        fixed (Interop.SocketAddress* addresses = _addresses)
        {
            for (var i = 0; i < run; i++)
                vectors[vector + i] = new() { Base = buffer + slots[i].Offset, Length = (nuint)slots[i].Length };
            var control = controls + message * ControlSize;
            var end = control;
            if (run > 1)
                AddControl(ref end, Interop.SOL_UDP, Interop.UDP_SEGMENT, sizeof(ushort), slots[0].Length);
            if (slots[0].Ecn != Ecn.NotCapable)
            {
                if (slots[0].Remote.Address.IsV4)
                    AddControl(ref end, Interop.IPPROTO_IP, Interop.IP_TOS, sizeof(int), (int)slots[0].Ecn);
                else
                    AddControl(ref end, Interop.IPPROTO_IPV6, Interop.IPV6_TCLASS, sizeof(int), (int)slots[0].Ecn);
            }
            _messages[message].Header = new()
            {
                Name = addresses + message,
                NameLength = (uint)(family == Interop.AF_INET6 ? Interop.SocketAddress.V6Size : Interop.SocketAddress.V4Size),
                Vectors = vectors + vector,
                VectorCount = (nuint)run,
                Control = end == control ? null : control,
                ControlLength = (nuint)(end - control),
            };
        }
    }

    static void AddControl(ref byte* end, int level, int type, int size, int value)
    {
        *(Interop.ControlHeader*)end = new() { Length = (nuint)(sizeof(Interop.ControlHeader) + size), Level = level, Type = type };
        *(ulong*)(end + sizeof(Interop.ControlHeader)) = (uint)value;
        end += sizeof(Interop.ControlHeader) + sizeof(ulong);
    }

    bool Flush(FileDescriptor socket, int family, PacketBatch batch, int count)
    {
        var able = true;
        for (var done = 0; done < count;)
        {
            int sent;
            fixed (Interop.BatchMessage* messages = _messages)
                sent = Interop.SendMessages(socket, messages + done, (uint)(count - done), 0);
            if (sent > 0)
            {
                done += sent;
                continue;
            }
            var errno = Interop.LastError;
            if (errno == Interop.EINTR)
                continue;
            if (errno is Interop.EPIPE or Interop.EBADF)
                return able;
            if (_messages[done].Header.VectorCount > 1)
            {
                // EIO: the device cannot checksum, so it cannot segment. EINVAL, EMSGSIZE: the path carries less than a segment.
                able &= errno != Interop.EIO;
                SendSingly(socket, family, batch, _firstSlots[done], (int)_messages[done].Header.VectorCount);
            }
            done++;
        }
        return able;
    }

    /// <summary>Sends a run without segmentation, and lets the kernel fragment what the path does not carry.</summary>
    static void SendSingly(FileDescriptor socket, int family, PacketBatch batch, int slot, int run)
    {
        Interop.SocketAddress address = default;
        address.Write(batch[slot].Remote, family);
        var length = (uint)(family == Interop.AF_INET6 ? Interop.SocketAddress.V6Size : Interop.SocketAddress.V4Size);
        for (var i = 0; i < run; i++)
            fixed (byte* bytes = batch.Bytes(slot + i))
                while (Interop.SendTo(socket, bytes, (nuint)batch[slot + i].Length, 0, &address, length) < 0 && Interop.LastError == Interop.EINTR) { }
    }
}
