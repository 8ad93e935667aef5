using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>What a node offers. Bits that this version does not know are kept and mean nothing.</summary>
[Flags]
public enum Capabilities : ushort
{
    None = 0,

    /// <summary>Forwards between hops.</summary>
    Relay = 1,

    /// <summary>Sends to the Internet.</summary>
    Exit = 2,

    /// <summary>An exit that carries IPv4.</summary>
    ExitV4 = 4,

    /// <summary>An exit that carries IPv6.</summary>
    ExitV6 = 8,

    /// <summary>Reached over TCP port 443 besides.</summary>
    Tcp443 = 16,

    /// <summary>A relay that takes early data: docs/protocol/early.md.</summary>
    EarlyData = 32,
}

/// <summary>What an exit lets through, coarsely; the exit tells details when it is opened. Unknown values count as Custom.</summary>
public enum PolicyClass : byte
{
    /// <summary>Nothing: not an exit.</summary>
    None = 0,

    /// <summary>Everything but what every exit denies.</summary>
    Open = 1,

    /// <summary>Web only: ports 80 and 443, and DNS.</summary>
    Web = 2,

    /// <summary>Something else.</summary>
    Custom = 255,
}

/// <summary>A position in the network coordinate space (Vivaldi): x, y, z in 0.1 ms, and the height above it in 0.1 ms.</summary>
public readonly record struct NetworkCoordinates(short X, short Y, short Z, ushort Height);

/// <summary>
/// What a node says about itself for one epoch: the value of a BEP 44 mutable item. Byte table, bounds and units:
/// docs/protocol/descriptor.md. Nothing in it identifies a person.
/// </summary>
public sealed record Descriptor
{
    /// <summary>Most endpoints of one family, and most introducers.</summary>
    public const int MaxEndpoints = 3;

    /// <summary>The six-hour period this is published for: see <see cref="Peers.Epoch"/>.</summary>
    public required uint Epoch { get; init; }

    /// <summary>Whole seconds; valid from here...</summary>
    public required Instant NotBefore { get; init; }

    /// <summary>...for this long, whole minutes, 1 minute to 3 hours (static networks: 30 days).</summary>
    public required TimeSpan Validity { get; init; }

    /// <summary>Made for a network without discovery, whose descriptors travel as files. Refused everywhere else.</summary>
    public bool Static { get; init; }

    /// <summary>The WireGuard static key in use.</summary>
    public required PublicKey RelayKey { get; init; }

    /// <summary>The one that follows, or zero.</summary>
    public PublicKey NextRelayKey { get; init; }

    public Capabilities Capabilities { get; init; }

    public PolicyClass Policy { get; init; }

    /// <summary>Two capital letters of ISO 3166-1 alpha-2; "ZZ": unknown.</summary>
    public string Region { get; init; } = UnknownRegion;

    public const string UnknownRegion = "ZZ";

    /// <summary>Autonomous system, 0: unknown.</summary>
    public uint Asn { get; init; }

    /// <summary>n: at least 2^n Mbit/s in each direction, 0..15. 255: unknown.</summary>
    public byte BandwidthClass { get; init; } = 255;

    /// <summary>0 idle .. 15 full.</summary>
    public byte LoadClass { get; init; }

    /// <summary>Outer path MTU in bytes, 1280..9000.</summary>
    public ushort Mtu { get; init; } = 1500;

    /// <summary>0: free; else a class of the price table.</summary>
    public byte PriceClass { get; init; }

    /// <summary>First 8 bytes, little-endian, of a hash that all nodes of one operator share; 0: none.</summary>
    public ulong Family { get; init; }

    public NetworkCoordinates Coordinates { get; init; }

    /// <summary>Root hash of the directory that this node holds, 32 bytes as a value; zero: none.</summary>
    public PublicKey DirectoryRoot { get; init; }

    /// <summary>The epoch of that root.</summary>
    public uint DirectoryEpoch { get; init; }

    /// <summary>See <see cref="Peers.ProofOfWork"/>.</summary>
    public ulong ProofOfWork { get; init; }

    /// <summary>Up to three of each family, in the order of preference; on the wire IPv4 stands before IPv6.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; init; } = [];

    /// <summary>Up to three relays that bring this one together with others, when it stands behind a NAT.</summary>
    public IReadOnlyList<NodeId> Introducers { get; init; } = [];

    public bool IsRelay => Capabilities.HasFlag(Capabilities.Relay);

    public bool IsExit => Capabilities.HasFlag(Capabilities.Exit);

    /// <summary>Where it takes TCP, at the address of one of its endpoints; none when it does not.</summary>
    public Endpoint ReachedByTcp(Endpoint endpoint) =>
        Capabilities.HasFlag(Capabilities.Tcp443) && !endpoint.IsNone ? new Endpoint(endpoint.Address, TcpEndpoint.Port) : default;

    /// <summary>The first moment at which it no longer counts.</summary>
    public Instant Expires => NotBefore + Validity;
}
