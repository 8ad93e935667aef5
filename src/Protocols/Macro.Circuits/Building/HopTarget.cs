using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>What a client knows of a relay that it wants as a hop.</summary>
public sealed record HopTarget
{
    /// <summary>The node's name, for people (z-base-32 of its identity).</summary>
    public required string Name { get; init; }

    /// <summary>The same, as a value.</summary>
    public NodeId Node { get; init; }

    /// <summary>The relay's WireGuard static key of now.</summary>
    public required PublicKey RelayKey { get; init; }

    /// <summary>Where the client itself would send to; used for the entry only.</summary>
    public required Endpoint Endpoint { get; init; }

    /// <summary>The same over TCP, where UDP does not pass; none when it does not take that.</summary>
    public Endpoint TcpEndpoint { get; init; }

    /// <summary>The signed descriptor, as the hop before it must be shown it.</summary>
    public required ReadOnlyMemory<byte> Descriptor { get; init; }

    /// <summary>The signed descriptor of the introducer by which the hop before is to meet it; empty when it needs none.</summary>
    public ReadOnlyMemory<byte> Introducer { get; init; }

    /// <summary>It takes early data: handshakes with the hops behind it may begin with its own.</summary>
    public bool TakesEarly { get; init; }

    /// <summary>What all nodes of a private network share, and strangers who know an address do not; null elsewhere. Not owned.</summary>
    public SecretBytes? PresharedKey { get; init; }

    /// <summary>ISO 3166 country, "ZZ" unknown.</summary>
    public string Region { get; init; } = "ZZ";

    /// <param name="endpoint">The one of its endpoints that this client would send to; none for a relay behind a NAT.</param>
    /// <param name="presharedKey">Of a private network; null elsewhere.</param>
    public static HopTarget Of(SignedDescriptor signed, Endpoint endpoint, SecretBytes? presharedKey)
    {
        ArgumentNullException.ThrowIfNull(signed);
        var about = signed.Descriptor;
        return new HopTarget
        {
            Name = signed.Id.ToString(),
            Node = signed.Id,
            RelayKey = about.RelayKey,
            Endpoint = endpoint,
            TcpEndpoint = about.ReachedByTcp(endpoint),
            Descriptor = signed.Encode().ToArray(),
            Region = about.Region,
            TakesEarly = about.Capabilities.HasFlag(Capabilities.EarlyData),
            PresharedKey = presharedKey,
        };
    }
}
