using CsCheck;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class DescriptorTests
{
    static readonly DescriptorRules s_static = DescriptorRules.ForStatic("lab");

    [Fact]
    public void What_is_signed_is_read_back()
    {
        var verdict = SignedDescriptor.TryDecode(Example.Signed().Encode(), Example.Rules, Example.Now, out var read);

        Assert.Equal(DescriptorVerdict.Valid, verdict);
        Assert.Equal(Example.Alice.Id, read!.Id);
        Assert.Equal(Example.Now.UnixSeconds, read.Sequence);
        Assert.Equal(Example.Relay.Endpoints, read.Descriptor.Endpoints);
        Assert.Equal(Example.Relay with { Endpoints = [], Introducers = [] }, read.Descriptor with { Endpoints = [], Introducers = [] });
    }

    /// <summary>The vector of docs/protocol/descriptor.md.</summary>
    [Fact]
    public void The_bytes_are_those_of_the_published_vector() =>
        Assert.Equal(File.ReadAllText("Vectors/descriptor.hex").ReplaceLineEndings(""), Convert.ToHexStringLower(Example.Signed().Encode()));

    [Fact]
    public void The_signature_is_that_of_a_BEP_44_item()
    {
        var signed = Example.Signed();
        var salt = NetworkKey.Public.Salt(Epoch.At(Example.Now));
        byte[] item =
        [
            .. "4:salt10:"u8, .. salt, .. "3:seqi1800000000e1:v192:"u8, .. signed.Value,
        ];
        Assert.Equal(192, signed.Value.Length);
        Assert.True(Ed25519.Verify(signed.Id.Key, item, signed.Signature));
    }

    [Fact]
    public void The_largest_descriptor_fits_480_bytes()
    {
        var endpoints = Enumerable.Range(1, 3).SelectMany(i => new[] { Endpoint.Parse($"198.41.0.{i}:1"), Endpoint.Parse($"[2600::{i}]:1") });
        var signed = Example.Signed(Example.Relay with
        {
            Endpoints = [.. endpoints],
            Introducers = [.. Enumerable.Range(1, 3).Select(i => new NodeId(Example.Key((ulong)i)))],
        });
        Assert.Equal(320, signed.Value.Length);
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(signed));
        Assert.Equal(3, signed.Descriptor.Introducers.Count);
        Assert.All(signed.Descriptor.Endpoints.Take(3), e => Assert.True(e.Address.IsV4));
    }

    [Fact]
    public void It_is_valid_from_its_date_for_three_hours()
    {
        var signed = Example.Signed();
        Assert.Equal(DescriptorVerdict.NotYetValid, Example.Check(signed, now: Example.Now - TimeSpan.FromMinutes(11)));
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(signed, now: Example.Now - TimeSpan.FromMinutes(9)));
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(signed, now: Example.Now + TimeSpan.FromHours(2.99)));
        Assert.Equal(DescriptorVerdict.Expired, Example.Check(signed, now: Example.Now + TimeSpan.FromHours(3)));
    }

    [Fact]
    public void The_public_network_refuses_what_lives_longer() =>
        Assert.Equal(DescriptorVerdict.TooLong, Example.Check(Example.Signed(Example.Relay with { Validity = TimeSpan.FromMinutes(181) })));

    [Fact]
    public void A_static_descriptor_lives_30_days_and_in_static_networks_only()
    {
        var signed = Example.Signed(Example.Relay with
        {
            Static = true,
            Validity = TimeSpan.FromDays(30),
            Endpoints = [Endpoint.Parse("10.0.0.1:51900")],
        }, network: s_static.Network);
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(signed, s_static, Example.Now + TimeSpan.FromDays(29)));
        Assert.Equal(DescriptorVerdict.OtherNetworkKind, Example.Check(signed));
        Assert.Equal(DescriptorVerdict.OtherNetworkKind, Example.Check(Example.Signed(), s_static));
    }

    [Theory]
    [InlineData("10.0.0.1:1")]
    [InlineData("127.0.0.1:1")]
    [InlineData("169.254.169.254:1")]
    [InlineData("100.64.0.1:1")]
    [InlineData("224.0.0.1:1")]
    [InlineData("[::1]:1")]
    [InlineData("[fe80::1]:1")]
    [InlineData("[fd00:ec2::254]:1")]
    [InlineData("[2001:db8::1]:1")]
    [InlineData("[ff02::1]:1")]
    public void The_public_network_refuses_addresses_that_are_not_public(string endpoint) =>
        Assert.Equal(DescriptorVerdict.NotPublic, Example.Check(Example.Signed(Example.Relay with { Endpoints = [Endpoint.Parse(endpoint)] })));

    [Fact]
    public void Somewhere_it_must_be_reached() =>
        Assert.Equal(DescriptorVerdict.Unreachable, Example.Check(Example.Signed(Example.Relay with { Endpoints = [] })));

    [Fact]
    public void The_next_epoch_may_be_signed_ahead_but_not_the_one_after()
    {
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(Example.Signed(Example.Relay with { Epoch = Example.Relay.Epoch + 1 })));
        Assert.Equal(DescriptorVerdict.InconsistentTimes, Example.Check(Example.Signed(Example.Relay with { Epoch = Example.Relay.Epoch + 2 })));
        Assert.Equal(DescriptorVerdict.InconsistentTimes, Example.Check(Example.Signed(Example.Relay with { Epoch = Example.Relay.Epoch - 1 })));
    }

    [Fact]
    public void Too_little_work_is_refused_and_enough_is_not()
    {
        var rules = Example.Rules with { WorkBits = 12 };
        var nonce = ProofOfWork.Solve(Example.Alice.Id, Example.Relay.Epoch, 12);
        Assert.Equal(DescriptorVerdict.Valid, Example.Check(Example.Signed(Example.Relay with { ProofOfWork = nonce }), rules));
        Assert.Equal(DescriptorVerdict.TooLittleWork, Example.Check(Example.Signed(Example.Relay with { ProofOfWork = nonce + 1 }), rules));
    }

    [Fact]
    public void Misuse_by_the_signer_throws()
    {
        Assert.Throws<ArgumentException>(() => Example.Signed(Example.Relay with { Region = "ch" }));
        Assert.Throws<ArgumentException>(() => Example.Signed(Example.Relay with { Mtu = 576 }));
        Assert.Throws<ArgumentException>(() => Example.Signed(Example.Relay with { RelayKey = default }));
        Assert.Throws<ArgumentException>(() => Example.Signed(Example.Relay with { LoadClass = 16 }));
    }

    /// <summary>Whatever bit flips, somebody notices; and nothing throws.</summary>
    [Fact]
    public void A_change_of_any_bit_is_refused()
    {
        var bytes = Example.Signed().Encode().ToArray();
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.NotEqual(DescriptorVerdict.Valid, SignedDescriptor.TryDecode(bytes, Example.Rules, Example.Now, out var signed));
            Assert.Null(signed);
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Fact]
    public void Garbage_never_throws() =>
        Gen.Byte.Array[0, 700].Sample(bytes => SignedDescriptor.TryDecode(bytes, Example.Rules, Example.Now, out _) != DescriptorVerdict.Valid);

    [Fact]
    public void Garbage_in_a_well_formed_frame_never_throws()
    {
        var good = Example.Signed().Encode().ToArray();
        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[-80, 80]).Array[1, 12].Sample(edits =>
        {
            var bytes = good.ToArray();
            foreach (var (at, value, resize) in edits)
            {
                bytes[at % bytes.Length] = value;
                if (resize % 16 == 0)
                    Array.Resize(ref bytes, Math.Max(1, bytes.Length + resize));
            }
            var verdict = SignedDescriptor.TryDecode(bytes, Example.Rules, Example.Now, out var signed);
            return (verdict == DescriptorVerdict.Valid) == signed is not null && (verdict != DescriptorVerdict.Valid || bytes.AsSpan().SequenceEqual(good));
        });
    }

    [Fact]
    public void A_value_has_one_encoding_only()
    {
        // What parses encodes to the same bytes: no second form of a descriptor can be passed around.
        var random = new SeededRandom(5);
        var value = Example.Signed().Value.ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var copy = value.ToArray();
            copy[random.NextInt(copy.Length)] = (byte)random.NextInt(256);
            if (DescriptorFormat.Parse(copy, out var parsed) == DescriptorVerdict.Valid)
                Assert.Equal(copy, DescriptorFormat.Encode(parsed!));
        }
    }
}
