using System.Buffers.Binary;
using Macro.Core;
using Macro.Peers;

namespace Macro.Fuzz;

/// <summary>
/// Descriptors, by the first byte: in the form outside the DHT, as they are; as an item of the DHT; or as a value that a node has
/// signed, so that what is behind the signature is reached.
/// </summary>
sealed class DescriptorTarget : IFuzzTarget
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_100);
    static readonly DescriptorRules s_rules = DescriptorRules.Public with { WorkBits = 0 };
    static readonly NodeIdentity s_identity = new(Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));

    /// <summary>Tables that are read once: no input shall pay for them.</summary>
    public DescriptorTarget()
    {
        foreach (var seed in Corpus.Load(Name))
            Run(seed);
    }

    public string Name => "descriptor";

    public int MaxAllocation => 16 * 1024;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        var bytes = input[1..];
        SignedDescriptor? signed;
        var verdict = (input[0] % 3) switch
        {
            0 => SignedDescriptor.TryDecode(bytes, s_rules, s_now, out signed),
            1 when bytes.Length > 40 => SignedDescriptor.TryFromItem(
                s_identity.Id.Key, BinaryPrimitives.ReadInt64LittleEndian(bytes), bytes[8..Math.Min(72, bytes.Length)], bytes[Math.Min(72, bytes.Length)..], s_rules, s_now, out signed),
            _ => Resigned(bytes, out signed),
        };
        seen.Add(input[0] % 3);
        seen.Add((int)verdict);
        InvariantException.Require((verdict == DescriptorVerdict.Valid) == signed is not null, "a descriptor comes with the verdict Valid, and only then");
        if (signed is null)
            return seen.Value;
        InvariantException.Require(
            SignedDescriptor.TryDecode(signed.Encode(), s_rules, s_now, out var again) == DescriptorVerdict.Valid && again!.Encode().SequenceEqual(signed.Encode()),
            "what is valid has one encoding");
        InvariantException.Require(signed.Descriptor.Expires > s_now && signed.Descriptor.Validity <= s_rules.MaxValidity, "it is valid now, and not for long");
        InvariantException.Require(signed.Descriptor.Endpoints.All(e => AddressScope.IsPublic(e.Address) && e.Port != 0), "its endpoints are public");
        InvariantException.Require(Facet.Of(signed.Descriptor).Count is >= 1 and <= Facet.Most, "it has one facet to four");
        seen.Add(signed.Descriptor.Endpoints.Count);
        seen.Add(signed.Descriptor.Introducers.Count);
        seen.Add((int)signed.Descriptor.Capabilities & 31);
        return seen.Value;
    }

    /// <summary>A signature over whatever the value is, as a hostile node makes it.</summary>
    static DescriptorVerdict Resigned(ReadOnlySpan<byte> value, out SignedDescriptor? signed)
    {
        var whole = new byte[SignedDescriptor.HeaderSize + value.Length];
        s_identity.Id.Write(whole);
        BinaryPrimitives.WriteInt64LittleEndian(whole.AsSpan(NodeId.Size), s_now.UnixSeconds);
        value.CopyTo(whole.AsSpan(SignedDescriptor.HeaderSize));
        // Signing is dear: only what would get so far is signed.
        if (SignedDescriptor.TryDecode(whole, s_rules, s_now, out signed) is var verdict and not DescriptorVerdict.BadSignature)
            return verdict;
        var epoch = BinaryPrimitives.ReadUInt32LittleEndian(value[2..]);
        byte[] item =
        [
            .. "4:salt10:"u8, .. NetworkKey.Public.Salt(epoch),
            .. System.Text.Encoding.ASCII.GetBytes($"3:seqi{s_now.UnixSeconds}e1:v{value.Length}:"), .. value,
        ];
        s_identity.Sign(item, whole.AsSpan(NodeId.Size + 8, 64));
        return SignedDescriptor.TryDecode(whole, s_rules, s_now, out signed);
    }
}
