using System.Buffers.Binary;

namespace Macro.NetStack;

/// <summary>How <see cref="IcmpReason"/> stands on the wire: type, code, and the word behind the checksum.</summary>
public static class IcmpCodes
{
    internal const byte EchoReplyV4 = 0, EchoReplyV6 = 129;

    /// <summary>Of an ICMP error (RFC 792, RFC 1812 5.2.7.1).</summary>
    public static IcmpReason ReadV4(byte type, byte code) => (type, code) switch
    {
        (3, 0 or 5 or 6 or 8 or 11) => IcmpReason.NoRoute,
        (3, 1 or 7 or 12) => IcmpReason.HostUnreachable,
        (3, 2) => IcmpReason.ProtocolUnreachable,
        (3, 3) => IcmpReason.PortUnreachable,
        (3, 4) => IcmpReason.PacketTooBig,
        (3, 9 or 10 or 13) => IcmpReason.Prohibited,
        (11, 0) => IcmpReason.TimeExceeded,
        (11, 1) => IcmpReason.ReassemblyTimeExceeded,
        (12, _) => IcmpReason.ParameterProblem,
        _ => IcmpReason.None,
    };

    /// <summary>Of an ICMPv6 error (RFC 4443 3).</summary>
    public static IcmpReason ReadV6(byte type, byte code) => (type, code) switch
    {
        (1, 0 or 2) => IcmpReason.NoRoute,
        (1, 1 or 5 or 6) => IcmpReason.Prohibited,
        (1, 3) => IcmpReason.HostUnreachable,
        (1, 4) => IcmpReason.PortUnreachable,
        (2, _) => IcmpReason.PacketTooBig,
        (3, 0) => IcmpReason.TimeExceeded,
        (3, 1) => IcmpReason.ReassemblyTimeExceeded,
        (4, 1) => IcmpReason.ProtocolUnreachable,
        (4, _) => IcmpReason.ParameterProblem,
        _ => IcmpReason.None,
    };

    /// <summary>The MTU that a "too big" tells: 16 bits in ICMP (RFC 1191 4), 32 in ICMPv6.</summary>
    internal static int ReadMtu(bool v4, ReadOnlySpan<byte> message) => v4
        ? BinaryPrimitives.ReadUInt16BigEndian(message[6..])
        : (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(message[4..]), ushort.MaxValue);

    /// <summary>Writes the first eight bytes, the checksum zero. False: this family has no word for it.</summary>
    internal static bool TryWrite(Span<byte> message, bool v4, IcmpReason reason, int mtu)
    {
        (byte Type, byte Code)? word = (reason, v4) switch
        {
            (IcmpReason.NoRoute, true) => (3, 0),
            (IcmpReason.NoRoute, false) => (1, 0),
            (IcmpReason.HostUnreachable, true) => (3, 1),
            (IcmpReason.HostUnreachable, false) => (1, 3),
            (IcmpReason.ProtocolUnreachable, true) => (3, 2),
            (IcmpReason.ProtocolUnreachable, false) => (4, 1),
            (IcmpReason.PortUnreachable, true) => (3, 3),
            (IcmpReason.PortUnreachable, false) => (1, 4),
            (IcmpReason.Prohibited, true) => (3, 13),
            (IcmpReason.Prohibited, false) => (1, 1),
            (IcmpReason.PacketTooBig, true) => (3, 4),
            (IcmpReason.PacketTooBig, false) => (2, 0),
            (IcmpReason.TimeExceeded, true) => (11, 0),
            (IcmpReason.TimeExceeded, false) => (3, 0),
            (IcmpReason.ReassemblyTimeExceeded, true) => (11, 1),
            (IcmpReason.ReassemblyTimeExceeded, false) => (3, 1),
            (IcmpReason.None or IcmpReason.ParameterProblem, _) => null,
            _ => null,
        };
        if (word is not { } known)
            return false;
        message[..8].Clear();
        (message[0], message[1]) = known;
        if (reason == IcmpReason.PacketTooBig)
            BinaryPrimitives.WriteUInt32BigEndian(message[4..], (uint)mtu);
        // Where the next header stands that nobody knows: we take no extension headers, so in the fixed header.
        if (reason == IcmpReason.ProtocolUnreachable && !v4)
            BinaryPrimitives.WriteUInt32BigEndian(message[4..], 6);
        return true;
    }
}
