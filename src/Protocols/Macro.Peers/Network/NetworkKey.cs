using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// What makes a network one: 32 bytes from which its topics, the salts of its descriptors and the order of its relays
/// derive, so that two networks on one DHT never mix. The key of a private network is a secret of its members;
/// those of the public network and of static networks are known to everybody.
/// </summary>
public sealed class NetworkKey : IEquatable<NetworkKey>
{
    public const int Size = 32;

    /// <summary>Bytes of <see cref="Salt"/>.</summary>
    public const int SaltSize = 10;

    readonly byte[] _bytes;

    NetworkKey(byte[] bytes, bool isPrivate)
    {
        _bytes = bytes;
        IsPrivate = isPrivate;
    }

    /// <summary>The network that everybody may join: BLAKE2s("macro public network 1").</summary>
    public static NetworkKey Public { get; } = new(Hash("macro public network 1"u8, default), isPrivate: false);

    /// <summary>Only members know the key, and sessions between them need it.</summary>
    public bool IsPrivate { get; }

    /// <summary>The 32 bytes, as an invite link carries them.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>
    /// Names the network where its key must not stand: the first 8 bytes of BLAKE2s("macro network tag 1" || key), 16
    /// hexadecimal digits.
    /// </summary>
    public string Tag => Convert.ToHexStringLower(Hash("macro network tag 1"u8, _bytes).AsSpan(0, 8));

    /// <summary>A network whose descriptors travel as files: BLAKE2s("macro static network 1" || name in UTF-8).</summary>
    public static NetworkKey ForStatic(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return new NetworkKey(Hash("macro static network 1"u8, Encoding.UTF8.GetBytes(name)), isPrivate: false);
    }

    /// <param name="bytes">32 bytes, as <see cref="Bytes"/> gave them out. The public network's give the public network.</param>
    public static NetworkKey FromBytes(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        return bytes.SequenceEqual(Public._bytes) ? Public : new NetworkKey(bytes.ToArray(), isPrivate: true);
    }

    /// <summary>A new private network.</summary>
    public static NetworkKey Generate(IRandom random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var bytes = new byte[Size];
        random.Fill(bytes);
        return new NetworkKey(bytes, isPrivate: true);
    }

    /// <summary>
    /// The WireGuard preshared key of every session between members: BLAKE2s("macro network psk 1" || key). Null in networks
    /// whose key is no secret. The caller owns it.
    /// </summary>
    public SecretBytes? PresharedKey()
    {
        if (!IsPrivate)
            return null;
        var hash = Hash("macro network psk 1"u8, _bytes);
        var key = new SecretBytes(hash);
        CryptographicOperations.ZeroMemory(hash);
        return key;
    }

    /// <summary>R_e = SHA-256(key || e as u32, little-endian), 32 bytes: what an epoch has of its own in this network.</summary>
    public void EpochValue(uint epoch, Span<byte> value)
    {
        Span<byte> input = stackalloc byte[Size + sizeof(uint)];
        _bytes.CopyTo(input);
        BinaryPrimitives.WriteUInt32LittleEndian(input[Size..], epoch);
        SHA256.HashData(input, value);
    }

    /// <summary>
    /// The BEP 44 salt of an epoch's descriptors: "m1" || the first 8 bytes of R_e. Signed with the item, it binds a
    /// descriptor to network and epoch.
    /// </summary>
    public byte[] Salt(uint epoch)
    {
        Span<byte> value = stackalloc byte[Size];
        EpochValue(epoch, value);
        return [.. "m1"u8, .. value[..(SaltSize - 2)]];
    }

    public bool Equals(NetworkKey? other) => other is not null && CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    public override bool Equals(object? obj) => Equals(obj as NetworkKey);

    public override int GetHashCode() => BinaryPrimitives.ReadInt32LittleEndian(_bytes);

    /// <summary>Tells nothing of the key.</summary>
    public override string ToString() => IsPrivate ? "private network" : Equals(Public) ? "public network" : "static network";

    static byte[] Hash(ReadOnlySpan<byte> label, ReadOnlySpan<byte> input)
    {
        var hash = new byte[Blake2s.HashSize];
        Blake2s.Hash(hash, label, input);
        return hash;
    }
}
