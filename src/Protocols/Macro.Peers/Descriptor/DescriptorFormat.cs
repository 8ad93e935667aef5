using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>The bytes of a descriptor's value "v": version 1 of docs/protocol/descriptor.md. Little-endian, addresses in network order.</summary>
static class DescriptorFormat
{
    public const int MaxSize = 480, Block = 64, EpochAt = 2;

    const byte FormatVersion = 1;
    const byte StaticFlag = 1;
    const int FixedSize = 152, V4Size = 6, V6Size = 18;

    /// <exception cref="ArgumentException">A field is outside its bounds.</exception>
    public static byte[] Encode(Descriptor d)
    {
        var v4 = d.Endpoints.Where(e => e.Address.IsV4).ToArray();
        var v6 = d.Endpoints.Where(e => e.Address.IsV6).ToArray();
        var size = FixedSize + v4.Length * V4Size + v6.Length * V6Size + d.Introducers.Count * NodeId.Size;
        var bytes = new byte[(size + Block - 1) / Block * Block];
        if (v4.Length > Descriptor.MaxEndpoints || v6.Length > Descriptor.MaxEndpoints || d.Introducers.Count > Descriptor.MaxEndpoints)
            throw new ArgumentException("A descriptor holds three endpoints of each family and three introducers.", nameof(d));
        if (d.Region.Length != 2)
            throw new ArgumentException("A region has two letters.", nameof(d));

        bytes[0] = FormatVersion;
        bytes[1] = d.Static ? StaticFlag : (byte)0;
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(EpochAt), d.Epoch);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(6), checked((uint)d.NotBefore.UnixSeconds));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(10), checked((ushort)d.Validity.TotalMinutes));
        d.RelayKey.Write(bytes.AsSpan(12));
        d.NextRelayKey.Write(bytes.AsSpan(44));
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(76), (ushort)d.Capabilities);
        bytes[78] = (byte)d.Policy;
        bytes[79] = (byte)d.Region[0];
        bytes[80] = (byte)d.Region[1];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(81), d.Asn);
        bytes[85] = d.BandwidthClass;
        bytes[86] = d.LoadClass;
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(87), d.Mtu);
        bytes[89] = d.PriceClass;
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(90), d.Family);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(98), d.Coordinates.X);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(100), d.Coordinates.Y);
        BinaryPrimitives.WriteInt16LittleEndian(bytes.AsSpan(102), d.Coordinates.Z);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(104), d.Coordinates.Height);
        d.DirectoryRoot.Write(bytes.AsSpan(106));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(138), d.DirectoryEpoch);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(142), d.ProofOfWork);
        bytes[150] = (byte)(v4.Length | v6.Length << 2 | d.Introducers.Count << 4);
        var at = FixedSize;
        foreach (var endpoint in v4.Concat(v6))
        {
            endpoint.Address.Write(bytes.AsSpan(at));
            BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(at + endpoint.Address.Size), endpoint.Port);
            at += endpoint.Address.Size + 2;
        }
        foreach (var introducer in d.Introducers)
        {
            introducer.Write(bytes.AsSpan(at));
            at += NodeId.Size;
        }
        if (Parse(bytes, out _) is not (DescriptorVerdict.Valid or DescriptorVerdict.Unreachable))
            throw new ArgumentException("A field of the descriptor is outside its bounds.", nameof(d));
        return bytes;
    }

    /// <summary>Checks shape and bounds; nothing that needs a key or the time. One value has one encoding.</summary>
    public static DescriptorVerdict Parse(ReadOnlySpan<byte> v, out Descriptor? descriptor)
    {
        descriptor = null;
        if (v.Length is < FixedSize or > MaxSize || v.Length % Block != 0)
            return DescriptorVerdict.BadLength;
        if (v[0] != FormatVersion)
            return DescriptorVerdict.UnsupportedVersion;

        int v4 = v[150] & 3, v6 = v[150] >> 2 & 3, introducers = v[150] >> 4 & 3;
        var size = FixedSize + v4 * V4Size + v6 * V6Size + introducers * NodeId.Size;
        var validity = BinaryPrimitives.ReadUInt16LittleEndian(v[10..]);
        var relayKey = new PublicKey(v.Slice(12, PublicKey.Size));
        var mtu = BinaryPrimitives.ReadUInt16LittleEndian(v[87..]);
        if ((v[1] & ~StaticFlag) != 0 || validity == 0 || relayKey.IsZero
            || !char.IsAsciiLetterUpper((char)v[79]) || !char.IsAsciiLetterUpper((char)v[80])
            || v[85] is > 15 and < 255 || v[86] > 15 || mtu is < 1280 or > 9000
            || v[150] >> 6 != 0 || v[151] != 0
            || v.Length != (size + Block - 1) / Block * Block || v[size..].ContainsAnyExcept((byte)0))
            return DescriptorVerdict.Malformed;

        var endpoints = new Endpoint[v4 + v6];
        var at = FixedSize;
        for (var i = 0; i < endpoints.Length; i++)
        {
            var length = i < v4 ? 4 : 16;
            var address = IpAddress.Read(v.Slice(at, length));
            var port = BinaryPrimitives.ReadUInt16BigEndian(v[(at + length)..]);
            // An IPv4-mapped address in an IPv6 place would be a second encoding of the same endpoint.
            if (address.Size != length || address.IsAny || port == 0)
                return DescriptorVerdict.Malformed;
            endpoints[i] = new Endpoint(address, port);
            at += length + 2;
        }
        var names = new NodeId[introducers];
        for (var i = 0; i < introducers; i++)
            names[i] = new NodeId(v.Slice(at + i * NodeId.Size, NodeId.Size));
        if (endpoints.Length + names.Length == 0)
            return DescriptorVerdict.Unreachable;

        descriptor = new Descriptor
        {
            Static = (v[1] & StaticFlag) != 0,
            Epoch = BinaryPrimitives.ReadUInt32LittleEndian(v[EpochAt..]),
            NotBefore = Instant.FromUnixSeconds(BinaryPrimitives.ReadUInt32LittleEndian(v[6..])),
            Validity = TimeSpan.FromMinutes(validity),
            RelayKey = relayKey,
            NextRelayKey = new PublicKey(v.Slice(44, PublicKey.Size)),
            Capabilities = (Capabilities)BinaryPrimitives.ReadUInt16LittleEndian(v[76..]),
            Policy = (PolicyClass)v[78],
            Region = string.Create(2, (v[79], v[80]), static (text, letters) => (text[0], text[1]) = ((char)letters.Item1, (char)letters.Item2)),
            Asn = BinaryPrimitives.ReadUInt32LittleEndian(v[81..]),
            BandwidthClass = v[85],
            LoadClass = v[86],
            Mtu = mtu,
            PriceClass = v[89],
            Family = BinaryPrimitives.ReadUInt64LittleEndian(v[90..]),
            Coordinates = new NetworkCoordinates(
                BinaryPrimitives.ReadInt16LittleEndian(v[98..]), BinaryPrimitives.ReadInt16LittleEndian(v[100..]),
                BinaryPrimitives.ReadInt16LittleEndian(v[102..]), BinaryPrimitives.ReadUInt16LittleEndian(v[104..])),
            DirectoryRoot = new PublicKey(v.Slice(106, PublicKey.Size)),
            DirectoryEpoch = BinaryPrimitives.ReadUInt32LittleEndian(v[138..]),
            ProofOfWork = BinaryPrimitives.ReadUInt64LittleEndian(v[142..]),
            Endpoints = endpoints,
            Introducers = names,
        };
        return DescriptorVerdict.Valid;
    }
}
