using System.Buffers.Binary;
using Macro.Core;

namespace Macro.WireGuard;

/// <summary>What cryptokey routing needs of an IP packet: addresses, true length, ECN.</summary>
static class InnerPacket
{
    const int V4HeaderSize = 20, V6HeaderSize = 40;
    const byte NotCapable = 0, Capable1 = 1, Capable0 = 2, CongestionExperienced = 3;

    public static bool TryReadDestination(ReadOnlySpan<byte> packet, out IpAddress destination)
    {
        destination = default;
        if (packet.Length >= V4HeaderSize && packet[0] >> 4 == 4)
            destination = IpAddress.Read(packet.Slice(16, 4));
        else if (packet.Length >= V6HeaderSize && packet[0] >> 4 == 6)
            destination = IpAddress.Read(packet.Slice(24, 16));
        else
            return false;
        return true;
    }

    /// <summary>Source address and the length that the header claims; false when that cannot be.</summary>
    public static bool TryReadSource(ReadOnlySpan<byte> packet, out IpAddress source, out int length)
    {
        (source, length) = (default, 0);
        if (packet.Length >= V4HeaderSize && packet[0] >> 4 == 4)
        {
            length = BinaryPrimitives.ReadUInt16BigEndian(packet[2..]);
            if (length < V4HeaderSize)
                return false;
            source = IpAddress.Read(packet.Slice(12, 4));
        }
        else if (packet.Length >= V6HeaderSize && packet[0] >> 4 == 6)
        {
            length = V6HeaderSize + BinaryPrimitives.ReadUInt16BigEndian(packet[4..]);
            source = IpAddress.Read(packet.Slice(8, 16));
        }
        return length > 0 && length <= packet.Length;
    }

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
