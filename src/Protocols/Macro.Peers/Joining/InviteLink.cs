using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// An invitation to a network as a link that can be mailed or shown as a QR code: "macro:" and base64url. Who has the link of a
/// private network is a member. docs/protocol/invite.md.
/// </summary>
/// <param name="Network">Its key is in the link when it is private.</param>
/// <param name="Name">What members call it, at most 64 bytes of UTF-8 without control characters; may be empty.</param>
/// <param name="Seeds">Relays to begin with, 1..16.</param>
public sealed record InviteLink(NetworkKey Network, string Name, IReadOnlyList<Seed> Seeds)
{
    /// <summary>Most characters of a link: what a QR code of medium error correction holds on a telephone's screen.</summary>
    public const int MaxLength = 1000;

    public const int MaxName = 64, MostSeeds = 16;

    const string Scheme = "macro:";
    const int MaxBytes = 744, ChecksumSize = 4;
    const byte FormatVersion = 1, PrivateFlag = 1;

    static readonly SearchValues<char> s_letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    /// <summary>The link. Seeds that do not fit are left out from the end.</summary>
    /// <exception cref="ArgumentException">No seed, or a name that is too long or has control characters.</exception>
    public string ToText()
    {
        var name = Encoding.UTF8.GetBytes(Name);
        if (name.Length > MaxName || Name.Any(char.IsControl))
            throw new ArgumentException("A network's name has at most 64 bytes and no control characters.");
        List<byte> bytes = [FormatVersion, Network.IsPrivate ? PrivateFlag : (byte)0];
        if (Network.IsPrivate)
            bytes.AddRange(Network.Bytes);
        bytes.Add((byte)name.Length);
        bytes.AddRange(name);
        var countAt = bytes.Count;
        bytes.Add(0);
        foreach (var seed in Seeds.Take(MostSeeds))
        {
            var one = Encode(seed);
            if (bytes.Count + one.Length + ChecksumSize > MaxBytes)
                break;
            bytes.AddRange(one);
            bytes[countAt]++;
        }
        if (bytes[countAt] == 0)
            throw new ArgumentException("An invitation names at least one relay.");
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, bytes.ToArray());
        return Scheme + Base64Url.EncodeToString([.. bytes, .. hash[..ChecksumSize]]);
    }

    /// <summary>Null when the text is no invitation, or was cut or mistyped. Never throws.</summary>
    public static InviteLink? TryParse(ReadOnlySpan<char> text)
    {
        Span<byte> bytes = stackalloc byte[MaxBytes];
        if (text.Length > MaxLength || !text.StartsWith(Scheme, StringComparison.Ordinal)
            || text[Scheme.Length..].ContainsAnyExcept(s_letters)
            || Base64Url.DecodeFromChars(text[Scheme.Length..], bytes, out _, out var length) != OperationStatus.Done || length <= ChecksumSize)
            return null;
        var content = bytes[..(length - ChecksumSize)];
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, content);
        if (!hash[..ChecksumSize].SequenceEqual(bytes[content.Length..length]))
            return null;
        return Decode(content) is { } link && link.ToText().AsSpan().SequenceEqual(text) ? link : null;
    }

    static InviteLink? Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new DirectoryReader(bytes);
        var (version, flags) = (reader.Byte(), reader.Byte());
        if (version != FormatVersion || (flags & ~PrivateFlag) != 0)
            return null;
        var network = flags == PrivateFlag ? NetworkKey.FromBytes(reader.Bytes(NetworkKey.Size)) : NetworkKey.Public;
        int nameLength = reader.Byte();
        if (nameLength > MaxName)
            return null;
        var name = Encoding.UTF8.GetString(reader.Bytes(nameLength));
        int count = reader.Byte();
        if (name.Any(char.IsControl) || Encoding.UTF8.GetByteCount(name) != nameLength || count is 0 or > MostSeeds)
            return null;
        var seeds = new Seed[count];
        for (var i = 0; i < count; i++)
        {
            if (DecodeSeed(ref reader) is not { } seed)
                return null;
            seeds[i] = seed;
        }
        return reader.IsComplete ? new InviteLink(network, name, seeds) : null;
    }

    static byte[] Encode(Seed seed)
    {
        if (seed.Endpoints.Count is 0 or > Seed.MostEndpoints)
            throw new ArgumentException("A seed has one to six endpoints.", nameof(seed));
        var bytes = new List<byte>();
        Span<byte> buffer = stackalloc byte[NodeId.Size];
        seed.Id.Write(buffer);
        bytes.AddRange(buffer);
        bytes.Add((byte)seed.Endpoints.Count);
        foreach (var endpoint in seed.Endpoints)
        {
            var size = endpoint.Address.Size;
            bytes.Add((byte)size);
            endpoint.Address.Write(buffer);
            BinaryPrimitives.WriteUInt16BigEndian(buffer[size..], endpoint.Port);
            bytes.AddRange(buffer[..(size + 2)]);
        }
        return [.. bytes];
    }

    static Seed? DecodeSeed(ref DirectoryReader reader)
    {
        var id = new NodeId(reader.Bytes(NodeId.Size));
        int count = reader.Byte();
        if (count is 0 or > Seed.MostEndpoints)
            return null;
        var endpoints = new Endpoint[count];
        for (var i = 0; i < count; i++)
        {
            int size = reader.Byte();
            if (size is not (4 or 16))
                return null;
            var address = IpAddress.Read(reader.Bytes(size));
            endpoints[i] = new Endpoint(address, BinaryPrimitives.ReadUInt16BigEndian(reader.Bytes(2)));
            if (address.Size != size || address.IsAny || endpoints[i].Port == 0)
                return null;
        }
        return new Seed(id, endpoints);
    }
}
