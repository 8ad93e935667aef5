using System.Buffers.Binary;

namespace Macro.LabPeer;

/// <summary>The UDP payloads of a pcap file of whole Ethernet frames, as tcpdump writes it on this machine.</summary>
static class Capture
{
    const int FileHeader = 24, RecordHeader = 16, Ethernet = 14, Ipv4 = 20, Ipv6 = 40, Udp = 8;

    public static List<byte[]> UdpPayloads(string path)
    {
        var file = File.ReadAllBytes(path);
        var payloads = new List<byte[]>();
        for (var at = FileHeader; at + RecordHeader <= file.Length;)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(file.AsSpan(at + 8));
            at += RecordHeader;
            if (length < 0 || at + length > file.Length)
                break;
            var frame = file.AsSpan(at, length);
            at += length;
            var header = Ethernet + (frame.Length > Ethernet && frame[Ethernet] >> 4 == 6 ? Ipv6 : Ipv4) + Udp;
            if (frame.Length > header)
                payloads.Add(frame[header..].ToArray());
        }

        return payloads;
    }
}
