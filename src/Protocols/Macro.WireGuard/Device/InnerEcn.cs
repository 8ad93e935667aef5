using System.Buffers.Binary;

namespace Macro.WireGuard;

/// <summary>How a tunnel treats the ECN field of the packets that it carries (RFC 6040).</summary>
static class InnerEcn
{
    const byte NotCapable = 0, Capable1 = 1, Capable0 = 2, CongestionExperienced = 3;

    /// <summary>ECN for the outer header (RFC 6040 4.1, compatibility of CE as ECT(0) as Linux does it).</summary>
    public static byte ReadEcn(ReadOnlySpan<byte> packet)
    {
        var ecn = (packet[0] >> 4 == 4 ? packet[1] : packet[1] >> 4) & 3;
        return (byte)(ecn == CongestionExperienced ? Capable0 : ecn);
    }

    /// <summary>
    /// Hands an outer mark inward (RFC 6040 4.2): CE, and ECT(1) where the packet left as ECT(0). False: congestion was
    /// marked on a flow that does not know ECN, drop.
    /// </summary>
    public static bool TryMark(Span<byte> packet, byte outerEcn)
    {
        if (outerEcn is NotCapable or Capable0)
            return true;
        var v4 = packet[0] >> 4 == 4;
        var inner = (v4 ? packet[1] : packet[1] >> 4) & 3;
        if (outerEcn == Capable1 ? inner != Capable0 : inner == CongestionExperienced)
            return true;
        if (inner == NotCapable)
            return false;
        if (v4)
        {
            // RFC 1624: as the first header word changes, so does its complement sum the other way.
            var sum = (uint)BinaryPrimitives.ReadUInt16BigEndian(packet[10..]) + 0xffff + (uint)inner - outerEcn;
            BinaryPrimitives.WriteUInt16BigEndian(packet[10..], (ushort)(sum + (sum >> 16)));
            packet[1] = (byte)(packet[1] & ~3 | outerEcn);
        }
        else
        {
            packet[1] = (byte)(packet[1] & ~0x30 | outerEcn << 4);
        }
        return true;
    }
}
