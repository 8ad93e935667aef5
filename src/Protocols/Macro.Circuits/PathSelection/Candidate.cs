using Macro.Core;
using Macro.Crypto;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>
/// A relay that may become a hop: its target, what it does, where it stands, and what it must not share with another hop.
/// Facts of its descriptor; what was learnt about it is asked of an <see cref="IRelayKnowledge"/>. Immutable.
/// </summary>
public sealed record Candidate
{
    readonly IReadOnlyList<Endpoint> _endpoints = [];

    /// <summary>How the client reaches it, and what it shows the hop before.</summary>
    public required HopTarget Target { get; init; }

    public NodeId Id { get; init; }

    public bool IsExit { get; init; }

    /// <summary>What it lets through, if it is an exit.</summary>
    public PolicyClass Policy { get; init; } = PolicyClass.Open;

    /// <summary>Operator family; 0 = none told.</summary>
    public ulong Family { get; init; }

    /// <summary>Autonomous system; 0 = unknown.</summary>
    public uint Asn { get; init; }

    /// <summary>n: at least 2^n Mbit/s by its own word, 0..15; 255 unknown.</summary>
    public byte BandwidthClass { get; init; } = 255;

    /// <summary>0 idle .. 15 full, by its own word.</summary>
    public byte LoadClass { get; init; }

    /// <summary>Where it says that it stands.</summary>
    public NetworkCoordinates Coordinates { get; init; }

    /// <summary>Where it is counted to stand among the others that are known; unknown until <see cref="Placed"/>.</summary>
    public NetworkCoordinates Place { get; private init; }

    /// <summary>All endpoints that the descriptor lists; none when it stands behind a NAT.</summary>
    public IReadOnlyList<Endpoint> Endpoints
    {
        get => _endpoints;
        init => (_endpoints, Networks) = (value, [.. value.Select(e => Constraints.Network(e.Address)).Distinct()]);
    }

    /// <summary>Without endpoints: the relays that can extend to this one.</summary>
    public IReadOnlyList<NodeId> Introducers { get; init; } = [];

    public string Region => Target.Region;

    /// <summary>Everybody reaches it: it may be an entry.</summary>
    public bool IsPublic => Endpoints.Count > 0;

    /// <summary>The /16 (IPv4) and /32 (IPv6) networks of its endpoints.</summary>
    internal Prefix[] Networks { get; private init; } = [];

    /// <summary>The same relays, each with its <see cref="Place"/>.</summary>
    public static Candidate[] Placed(IReadOnlyCollection<Candidate> relays)
    {
        ArgumentNullException.ThrowIfNull(relays);
        var places = new RegionalPlaces(relays.Select(relay => (relay.Region, relay.Coordinates)));
        return [.. relays.Select(relay => relay with { Place = places.Of(relay.Region, relay.Coordinates) })];
    }

    /// <inheritdoc cref="HopTarget.Of"/>
    public static Candidate Of(SignedDescriptor signed, Endpoint endpoint, SecretBytes? presharedKey)
    {
        ArgumentNullException.ThrowIfNull(signed);
        var about = signed.Descriptor;
        return new Candidate
        {
            Id = signed.Id,
            IsExit = about.IsExit,
            Policy = about.Policy,
            Family = about.Family,
            Asn = about.Asn,
            BandwidthClass = about.BandwidthClass,
            LoadClass = about.LoadClass,
            Coordinates = about.Coordinates,
            Endpoints = about.Endpoints,
            Introducers = about.Introducers,
            Target = HopTarget.Of(signed, endpoint, presharedKey),
        };
    }
}
