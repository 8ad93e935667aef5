using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// A descriptor with its signature: a BEP 44 mutable item with k = <see cref="Id"/>, salt = "m1" || epoch (u32,
/// little-endian), seq = <see cref="Sequence"/>. It can be passed on as it is and checked by anybody.
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

    /// <summary>The salt of an epoch's item: "m1" || epoch (u32, little-endian), 6 bytes.</summary>
    public static byte[] Salt(uint epoch)
    {
        var salt = new byte[6];
        "m1"u8.CopyTo(salt);
        BinaryPrimitives.WriteUInt32LittleEndian(salt.AsSpan(2), epoch);
        return salt;
    }

    /// <summary>Signs what a node says about itself, dated <paramref name="now"/>.</summary>
    /// <exception cref="ArgumentException">A field is outside its bounds.</exception>
    public static SignedDescriptor Sign(NodeIdentity identity, Descriptor descriptor, Instant now)
    {
        ArgumentNullException.ThrowIfNull(identity);
        ArgumentNullException.ThrowIfNull(descriptor);
        var value = DescriptorFormat.Encode(descriptor);
        var bytes = new byte[HeaderSize + value.Length];
        identity.Id.Write(bytes);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(NodeId.Size), now.UnixSeconds);
        identity.Sign(SigningBuffer(descriptor.Epoch, now.UnixSeconds, value), bytes.AsSpan(NodeId.Size + 8, SigningKey.SignatureSize));
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
        if (!rules.Static && !descriptor.Endpoints.All(e => AddressScope.IsPublic(e.Address)))
            return DescriptorVerdict.NotPublic;

        var id = new NodeId(bytes[..NodeId.Size]);
        if (rules.WorkBits > 0 && ProofOfWork.Bits(id, descriptor.Epoch, descriptor.ProofOfWork) < rules.WorkBits)
            return DescriptorVerdict.TooLittleWork;
        if (!Ed25519.Verify(id.Key, SigningBuffer(descriptor.Epoch, sequence, value), bytes.Slice(NodeId.Size + 8, SigningKey.SignatureSize)))
            return DescriptorVerdict.BadSignature;
        signed = new SignedDescriptor(bytes.ToArray(), descriptor);
        return DescriptorVerdict.Valid;
    }

    /// <summary>What BEP 44 signs: the bencoded salt, seq and v, without the dictionary around them.</summary>
    internal static byte[] SigningBuffer(uint epoch, long sequence, ReadOnlySpan<byte> value) =>
    [
        .. "4:salt6:"u8, .. Salt(epoch),
        .. Encoding.ASCII.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"3:seqi{sequence}e1:v{value.Length}:")),
        .. value,
    ];

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
