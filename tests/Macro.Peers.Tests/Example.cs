using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

/// <summary>Descriptors for the tests. Alice is the identity of RFC 8032 7.1 test 1.</summary>
static class Example
{
    public static readonly Instant Now = Instant.FromUnixSeconds(1_800_000_000);

    public static readonly NodeIdentity Alice = new(Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));

    /// <summary>Accepts everything but the wrong; no work.</summary>
    public static readonly DescriptorRules Rules = DescriptorRules.Public with { WorkBits = 0 };

    public static Descriptor Relay => new()
    {
        Epoch = Epoch.At(Now),
        NotBefore = Now,
        Validity = TimeSpan.FromHours(3),
        RelayKey = Key(1),
        NextRelayKey = Key(2),
        Capabilities = Capabilities.Relay | Capabilities.Exit | Capabilities.ExitV4,
        Policy = PolicyClass.Web,
        Region = "CH",
        Asn = 64500,
        BandwidthClass = 9,
        LoadClass = 3,
        Family = 0x1122334455667788,
        Coordinates = new NetworkCoordinates(-120, 45, 7, 30),
        Endpoints = [Endpoint.Parse("198.41.0.4:51900"), Endpoint.Parse("[2001:503:ba3e::2:30]:51900")],
    };

    public static SignedDescriptor Signed(Descriptor? descriptor = null, Instant? at = null, NetworkKey? network = null) =>
        SignedDescriptor.Sign(Alice, network ?? NetworkKey.Public, descriptor ?? Relay, at ?? Now);

    public static DescriptorVerdict Check(SignedDescriptor signed, DescriptorRules? rules = null, Instant? now = null) =>
        SignedDescriptor.TryDecode(signed.Encode(), rules ?? Rules, now ?? Now, out _);

    public static PublicKey Key(ulong seed)
    {
        using var key = PrivateKey.Generate(new SeededRandom(seed));
        return key.PublicKey;
    }
}
