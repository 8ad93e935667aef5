using System.Buffers.Binary;

namespace Macro.Core.Packets;

/// <summary>The ECN field of IP headers (RFC 3168), and how a tunnel treats that of the packets that it carries (RFC 6040).</summary>
public static class EcnField
{
    /// <summary>That of an IP packet. Of the packet only the first two bytes are looked at.</summary>
    public static Ecn Read(ReadOnlySpan<byte> packet) => (Ecn)((packet[0] >> 4 == 4 ? packet[1] : packet[1] >> 4) & 3);

    /// <summary>For the outer header, read from the inner (RFC 6040 4.1, compatibility of CE as ECT(0) as Linux does it).</summary>
    public static Ecn ForOuter(ReadOnlySpan<byte> packet) => Read(packet) is Ecn.Congestion ? Ecn.Capable0 : Read(packet);

    /// <summary>
    /// Hands an outer mark inward (RFC 6040 4.2): CE, and ECT(1) where the packet left as ECT(0). False: congestion was
    /// marked on a flow that does not know ECN, drop.
    /// </summary>
    public static bool TryMark(Span<byte> packet, Ecn outer)
    {
        if (outer is Ecn.NotCapable or Ecn.Capable0)
            return true;
        var inner = Read(packet);
        if (outer == Ecn.Capable1 ? inner != Ecn.Capable0 : inner == Ecn.Congestion)
            return true;
        if (inner == Ecn.NotCapable)
            return false;
        if (packet[0] >> 4 == 4)
        {
            // RFC 1624: as the first header word changes, so does its complement sum the other way.
            var sum = (uint)BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + 0xffff + (uint)inner - (uint)outer;
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)(sum + (sum >> 16)));
            packet[1] = (byte)(packet[1] & ~3 | (int)outer);
        }
        else
        {
            packet[1] = (byte)(packet[1] & ~0x30 | (int)outer << 4);
        }
        return true;
    }
}
