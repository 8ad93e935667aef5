using System.Runtime.InteropServices;

namespace Macro.Linux;

/// <summary>
/// struct virtio_net_hdr, which goes before every packet of a TUN device opened with IFF_VNET_HDR: 10 bytes, fields in host
/// order (virtio 1.2, section 5.1.6).
/// </summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
struct VirtioHeader
{
    internal const int Size = 10;

    /// <summary>The field at ChecksumStart + ChecksumOffset holds only the sum of the pseudo header.</summary>
    internal const byte NeedsChecksum = 1;

    internal byte Flags;
    internal VirtioSegmentation Segmentation;

    /// <summary>A hint at the length of all headers; not to be trusted.</summary>
    internal ushort HeaderLength;

    /// <summary>Payload bytes of each segment but the last.</summary>
    internal ushort SegmentSize;

    internal ushort ChecksumStart;
    internal ushort ChecksumOffset;

    internal readonly VirtioSegmentation Kind => Segmentation & ~VirtioSegmentation.Ecn;
}

enum VirtioSegmentation : byte
{
    None = 0,
    TcpV4 = 1,
    TcpV6 = 4,
    Udp = 5,
    Ecn = 0x80,
}
