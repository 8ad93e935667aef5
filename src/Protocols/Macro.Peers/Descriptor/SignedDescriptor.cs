using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// A descriptor with its signature: a BEP 44 mutable item with k = <see cref="Id"/>, salt = <see cref="NetworkKey.Salt"/>,
/// seq = <see cref="Sequence"/>. It can be passed on as it is and checked by anybody who knows the network.
/// </summary>
public sealed class SignedDescriptor
{
    /// <summary>Bytes before the value: NodeId 32, seq i64, signature 64.</summary>
    public const int HeaderSize = NodeId.Size + 8 + SigningKey.SignatureSize;

    /// <summary>Most bytes of <see cref="Encode"/>.</summary>
    public const int MaxSize = HeaderSize + DescriptorFormat.MaxSize;

    readonly byte[] _bytes;

    SignedDescriptor(byte[] bytes, Descriptor descriptor)
    {
        _bytes = bytes;
        Descriptor = descriptor;
        Id = new NodeId(bytes.AsSpan(0, NodeId.Size));
    }

    /// <summary>The node that signed.</summary>
    public NodeId Id { get; }

    public Descriptor Descriptor { get; }

    /// <summary>Unix seconds of signing: of two descriptors of a node the one with the higher number counts.</summary>
    public long Sequence => BinaryPrimitives.ReadInt64LittleEndian(_bytes.AsSpan(NodeId.Size));

    /// <summary>64 bytes, over the buffer of <see cref="SigningBuffer"/>.</summary>
    public ReadOnlySpan<byte> Signature => _bytes.AsSpan(NodeId.Size + 8, SigningKey.SignatureSize);

    /// <summary>The signed value "v".</summary>
    public ReadOnlySpan<byte> Value => _bytes.AsSpan(HeaderSize);

    /// <summary>The whole: NodeId || seq (i64, little-endian) || signature || value.</summary>
    public ReadOnlySpan<byte> Encode() => _bytes;

    /// <summary>
    /// First 4 bytes, little-endian, of BLAKE2s of <see cref="Encode"/>: tells apart two descriptors that a node signed with
    /// the same number, and decides between them everywhere alike.
    /// </summary>
    public uint Digest
    {
        get
        {
            Span<byte> hash = stackalloc byte[Blake2s.HashSize];
            Blake2s.Hash(hash, _bytes);
            return BinaryPrimitives.ReadUInt32LittleEndian(hash);
        }
    }

    /// <summary>Whether this one counts, and not the other, of the same node: the higher number, then the higher digest.</summary>
    public bool Supersedes(SignedDescriptor other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return (Sequence, Digest).CompareTo((other.Sequence, other.Digest)) > 0;
    }

    /// <summary>The "v" of the BEP 44 item: <see cref="Value"/> as a bencoded byte string.</summary>
    public byte[] ToItemValue() => [.. LengthPrefix(Value.Length), .. Value];

    /// <summary>Signs what a node says about itself, dated <paramref name="now"/>.</summary>
    /// <exception cref="ArgumentException">A field is outside its bounds.</exception>
    public static SignedDescriptor Sign(NodeIdentity identity, NetworkKey network, Descriptor descriptor, Instant now)
    {
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(descriptor);
        var value = DescriptorFormat.Encode(descriptor);
        var bytes = new byte[HeaderSize + value.Length];
        identity.Id.Write(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(NodeId.Size), now.UnixSeconds);
        identity.Sign(SigningBuffer(network.Salt(descriptor.Epoch), now.UnixSeconds, value), bytes.AsSpan(NodeId.Size + 8, SigningKey.SignatureSize));
        value.CopyTo(bytes.AsSpan(HeaderSize));
        DescriptorFormat.Parse(value, out var canonical);
        return new SignedDescriptor(bytes, canonical ?? descriptor);
    }

    /// <summary>
    /// Reads and checks: shape, times against <paramref name="now"/>, the rules of the network, work, signature; the dear
    /// checks last. Never throws.
    /// </summary>
    /// <param name="signed">Not null when, and only when, the verdict is Valid. It holds its own copy of the bytes.</param>
    public static DescriptorVerdict TryDecode(
        ReadOnlySpan<byte> bytes, DescriptorRules rules, Instant now, out SignedDescriptor? signed)
    {
        ArgumentNullException.ThrowIfNull(rules);
        signed = null;
        if (bytes.Length is <= HeaderSize or > MaxSize)
            return DescriptorVerdict.BadLength;
        var value = bytes[HeaderSize..];
        var verdict = DescriptorFormat.Parse(value, out var descriptor);
        if (descriptor is null)
            return verdict;

        var sequence = BinaryPrimitives.ReadInt64LittleEndian(bytes[NodeId.Size..]);
        verdict = CheckTimes(descriptor, sequence, rules, now);
        if (verdict != DescriptorVerdict.Valid)
            return verdict;
        if (!rules.AllowsPrivateAddresses && !descriptor.Endpoints.All(e => AddressScope.IsPublic(e.Address)))
            return DescriptorVerdict.NotPublic;

        var id = new NodeId(bytes[..NodeId.Size]);
        if (rules.WorkBits > 0 && ProofOfWork.Bits(id, descriptor.Epoch, descriptor.ProofOfWork) < rules.WorkBits)
            return DescriptorVerdict.TooLittleWork;
        if (!Ed25519.Verify(id.Key, SigningBuffer(rules.Network.Salt(descriptor.Epoch), sequence, value), bytes.Slice(NodeId.Size + 8, SigningKey.SignatureSize)))
            return DescriptorVerdict.BadSignature;
        signed = new SignedDescriptor(bytes.ToArray(), descriptor);
        return DescriptorVerdict.Valid;
    }

    /// <summary>
    /// Reads and checks a BEP 44 item that was found in the DHT under the salt of this network, as
    /// <see cref="TryDecode"/> does.
    /// </summary>
    /// <param name="key">k.</param>
    /// <param name="sequence">seq.</param>
    /// <param name="signature">sig, 64 bytes.</param>
    /// <param name="value">v as it stood in the message: bencode, and here one byte string.</param>
    public static DescriptorVerdict TryFromItem(
        PublicKey key, long sequence, ReadOnlySpan<byte> signature, ReadOnlySpan<byte> value, DescriptorRules rules, Instant now,
        out SignedDescriptor? signed)
    {
        signed = null;
        var prefix = value.IndexOf((byte)':') + 1;
        var length = value.Length - prefix;
        if (signature.Length != SigningKey.SignatureSize || length is <= 0 or > DescriptorFormat.MaxSize)
            return DescriptorVerdict.BadLength;
        if (!value[..prefix].SequenceEqual(LengthPrefix(length)))
            return DescriptorVerdict.Malformed;
        Span<byte> bytes = stackalloc byte[MaxSize];
        key.Write(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[NodeId.Size..], sequence);
        signature.CopyTo(bytes[(NodeId.Size + 8)..]);
        value[prefix..].CopyTo(bytes[HeaderSize..]);
        return TryDecode(bytes[..(HeaderSize + length)], rules, now, out signed);
    }

    /// <summary>What BEP 44 signs: the bencoded salt, seq and v, without the dictionary around them.</summary>
    internal static byte[] SigningBuffer(ReadOnlySpan<byte> salt, long sequence, ReadOnlySpan<byte> value) =>
    [
        .. "4:salt"u8, .. LengthPrefix(salt.Length), .. salt,
        .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"3:seqi{sequence}e1:v")),
        .. LengthPrefix(value.Length), .. value,
    ];

    static byte[] LengthPrefix(int length) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{length}:"));

    static DescriptorVerdict CheckTimes(Descriptor descriptor, long sequence, DescriptorRules rules, Instant now)
    {
        if (descriptor.Static != rules.Static)
            return DescriptorVerdict.OtherNetworkKind;
        if (descriptor.Validity > rules.MaxValidity)
            return DescriptorVerdict.TooLong;
        if (sequence is < 0 or > uint.MaxValue)
            return DescriptorVerdict.InconsistentTimes;

        // The next epoch's item is published in the last half hour of this one.
        var epoch = Epoch.At(descriptor.NotBefore);
        if (descriptor.Epoch != epoch && descriptor.Epoch != epoch + 1)
            return DescriptorVerdict.InconsistentTimes;
        var signedAt = Instant.FromUnixSeconds(sequence);
        if (signedAt >= descriptor.Expires)
            return DescriptorVerdict.InconsistentTimes;
        if (signedAt > now + rules.ClockSkew || descriptor.NotBefore > now + rules.ClockSkew)
            return DescriptorVerdict.NotYetValid;
        return now >= descriptor.Expires ? DescriptorVerdict.Expired : DescriptorVerdict.Valid;
    }
}
