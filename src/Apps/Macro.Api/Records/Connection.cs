using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>How many hops, and so who can know what.</summary>
[JsonConverter(typeof(WordConverter<Mode>))]
public enum Mode
{
    /// <summary>One hop: the exit sees the client's address.</summary>
    Speed,

    /// <summary>Two hops: nobody sees both ends. The default.</summary>
    Balanced,

    /// <summary>Three hops: guard, middle, exit, no two of them in one country.</summary>
    Private,

    /// <summary>As private, without a preference for near relays, and with another circuit every ten minutes.</summary>
    Paranoid,
}

/// <summary>The state of the client part.</summary>
[JsonConverter(typeof(WordConverter<ConnectionState>))]
public enum ConnectionState
{
    /// <summary>Not wanted.</summary>
    Off,

    /// <summary>Wanted; the first circuit is being built.</summary>
    Connecting,

    /// <summary>Traffic flows.</summary>
    Active,

    /// <summary>A hop was lost and another path is being built.</summary>
    Reconnecting,

    /// <summary>Wanted, but no circuit can be had so far; <see cref="Status.Problem"/> says why. The node goes on trying, and nothing leaks meanwhile.</summary>
    Waiting,

    /// <summary>Wanted, but the device cannot be had; <see cref="Status.Problem"/> says why. The node tries again by itself.</summary>
    Failed,
}

/// <summary>The steps of a connect, in their order. Each is reported when it begins.</summary>
[JsonConverter(typeof(WordConverter<ConnectPhase>))]
public enum ConnectPhase
{
    None,

    /// <summary>Looking for relays, because too few are known; <see cref="Status.Searching"/> says where.</summary>
    FindingRelays,

    /// <summary>Choosing exit, guard and middle from the directory.</summary>
    SelectingPath,

    /// <summary>Handshake with the first hop.</summary>
    ReachingEntry,

    /// <summary>Extending to the middle hop (three hops only).</summary>
    ExtendingToMiddle,

    /// <summary>Extending to the exit (two and three hops).</summary>
    ExtendingToExit,

    /// <summary>Asking the exit for addresses and resolver.</summary>
    OpeningExit,

    /// <summary>Device, addresses, routes, resolver, kill switch.</summary>
    ConfiguringDevice,

    /// <summary>Traffic flows.</summary>
    Ready,
}

/// <summary>What `up` wants.</summary>
public sealed record UpRequest
{
    /// <summary>Null: as the settings say.</summary>
    public Mode? Mode { get; init; }

    /// <summary>
    /// ISO 3166-1 country codes of two letters in the order of preference, as in "CH,NL,any" ("any", at the end: every other);
    /// null: as the settings say.
    /// </summary>
    public string? ExitRegion { get; init; }
}

/// <summary>The node at this moment. It holds no time, no destination and no address of a peer.</summary>
public sealed record Status : Answer
{
    public required ConnectionState State { get; init; }

    public ConnectPhase Phase { get; init; }

    public Mode? Mode { get; init; }

    /// <summary>Hops of the circuit in use, 0 when there is none.</summary>
    public int Hops { get; init; }

    /// <summary>Region of the exit in use, two letters, "ZZ" unknown; or null.</summary>
    public string? ExitRegion { get; init; }

    /// <summary>The address families that the exit carries.</summary>
    public bool ExitIpv4 { get; init; }

    public bool ExitIpv6 { get; init; }

    /// <summary>The name of the client's network device, or null.</summary>
    public string? Device { get; init; }

    /// <summary>The kill switch is closed: nothing leaves the machine beside the circuit.</summary>
    public bool KillSwitch { get; init; }

    /// <summary>Where the proxy listens (SOCKS5, SOCKS4a, HTTP), as in "127.0.0.1:1080"; null while it does not.</summary>
    public string? Proxy { get; init; }

    /// <summary>Where the resolver listens, as in "127.0.0.1:1053"; null while it does not.</summary>
    public string? Dns { get; init; }

    /// <summary>Nothing of the node uses an administrator's rights: no network device, no route, no firewall rule.</summary>
    public bool Rootless { get; init; }

    /// <summary>Bytes of IP packets since the client was switched on.</summary>
    public long BytesReceived { get; init; }

    public long BytesSent { get; init; }

    /// <summary>What the circuits cost on the wire; null while the client is off.</summary>
    public WireStatus? Wire { get; init; }

    /// <summary>The entry is reached over TCP, because UDP does not pass from here.</summary>
    public bool OverTcp { get; init; }

    /// <summary>Why <see cref="State"/> is not what was wanted, or null.</summary>
    public Problem? Problem { get; init; }

    /// <summary>Where relays are looked for just now; null when that is not needed.</summary>
    public SearchSource? Searching { get; init; }

    public required RelayStatus Relay { get; init; }

    public required ExitStatus Exit { get; init; }

    /// <summary>Relays in the directory that this node would use.</summary>
    public int KnownRelays { get; init; }
}

/// <summary>Bytes of UDP payload between this client and its entries, of all circuits since the client was switched on.</summary>
public sealed record WireStatus
{
    public long BytesSent { get; init; }

    public long BytesReceived { get; init; }

    /// <summary>Data messages between two nodes have one size (private, paranoid).</summary>
    public bool ConstantSize { get; init; }

    /// <summary>Every hop of the circuit in use was seen to pad what it sends.</summary>
    public bool HopsPad { get; init; }

    /// <summary>Cover traffic that the entry has agreed to, bytes an hour in both directions together; 0: none.</summary>
    public long CoverBudget { get; init; }

    /// <summary>Cover traffic among the bytes above.</summary>
    public long CoverBytesSent { get; init; }

    public long CoverBytesReceived { get; init; }
}

/// <summary>Where applications find the proxy and the resolver. Both listen while a connection is wanted.</summary>
public sealed record ProxyAnswer : Answer
{
    /// <summary>Speaks SOCKS5, SOCKS4a and HTTP, as in "127.0.0.1:1080". Null: it does not listen.</summary>
    public string? Proxy { get; init; }

    /// <summary>Speaks DNS over UDP and TCP, as in "127.0.0.1:1053". Null: it does not listen.</summary>
    public string? Dns { get; init; }

    /// <summary>What is asked of the proxy reaches the internet now; otherwise it waits, and ends in an error.</summary>
    public bool Ready { get; init; }
}

/// <summary>The relay part. Counters start with the process.</summary>
public sealed record RelayStatus
{
    public bool Enabled { get; init; }

    /// <summary>True when the port is bound and the descriptor is signed.</summary>
    public bool Running { get; init; }

    /// <summary>Sessions that clients hold with this node.</summary>
    public int Sessions { get; init; }

    /// <summary>Channels that lead to a next hop.</summary>
    public int Channels { get; init; }

    public long PacketsForwarded { get; init; }

    public long BytesForwarded { get; init; }

    public long PacketsDropped { get; init; }

    /// <summary>Why relay and exit, though switched on, do nothing for others now; null: they do, or are off.</summary>
    public string? Paused { get; init; }

    /// <summary>Bytes that went through for others in this month, relay and exit together; 0 without a monthly limit.</summary>
    public long MonthBytes { get; init; }

    /// <summary>The monthly limit; 0: none.</summary>
    public long MonthLimit { get; init; }
}

/// <summary>The exit part. Counters start with the process.</summary>
public sealed record ExitStatus
{
    public bool Enabled { get; init; }

    public bool Running { get; init; }

    /// <summary>Packets leave by the kernel's NAT; false: by this program's own stack and sockets.</summary>
    public bool Kernel { get; init; }

    public int Sessions { get; init; }

    public long BytesIn { get; init; }

    public long BytesOut { get; init; }

    /// <summary>Packets that the exit policy refused.</summary>
    public long PacketsRefused { get; init; }
}

/// <summary>The part that a hop plays.</summary>
[JsonConverter(typeof(WordConverter<HopRole>))]
public enum HopRole
{
    Entry,
    Middle,
    Exit,
}

/// <summary>How a hop does.</summary>
[JsonConverter(typeof(WordConverter<HopHealth>))]
public enum HopHealth
{
    Unknown,
    Good,
    Suspect,
    Dead,
}

/// <summary>One hop of the circuit in use.</summary>
public sealed record Hop
{
    public required HopRole Role { get; init; }

    /// <summary>The node id, z-base-32.</summary>
    public required string NodeId { get; init; }

    /// <summary>Two letters, "ZZ" unknown.</summary>
    public required string Region { get; init; }

    /// <summary>Round trip to this hop in milliseconds, or null before the first probe came back.</summary>
    public double? RttMs { get; init; }

    public HopHealth Health { get; init; }

    /// <summary>The client reaches this hop without the one before it.</summary>
    public bool Direct { get; init; }
}

/// <summary>The circuits in use.</summary>
public sealed record CircuitAnswer : Answer
{
    /// <summary>The main circuit, entry first; empty when there is none.</summary>
    public required IReadOnlyList<Hop> Hops { get; init; }

    /// <summary>The relays of a second path to the same exit, ready to take over when one of the first is lost; empty while there is none.</summary>
    public IReadOnlyList<Hop> Standby { get; init; } = [];

    /// <summary>The paths by which packets of the main circuit go at the same time, the one of <see cref="Hops"/> first; empty while there is one.</summary>
    public IReadOnlyList<PathStatus> Paths { get; init; } = [];

    /// <summary>How long the main circuit took, from its first message to the exit's consent, in milliseconds; null while it is built.</summary>
    public double? BuildMs { get; init; }

    /// <summary>The part of it until the last hop had answered its handshake.</summary>
    public double? HandshakesMs { get; init; }

    /// <summary>How often the main connection has gone on by another path to the same exit.</summary>
    public int Reroutes { get; init; }

    /// <summary>When the main circuit last did, in milliseconds before now; null: never.</summary>
    public double? ReroutedMsAgo { get; init; }

    /// <summary>What the circuits cost on the wire; null while the client is off.</summary>
    public WireStatus? Wire { get; init; }

    /// <summary>One for each further isolation key that is in use, in no order; the keys are not told.</summary>
    public IReadOnlyList<IsolatedCircuit> Isolated { get; init; } = [];
}

/// <summary>One of several paths to an exit.</summary>
public sealed record PathStatus
{
    /// <summary>Its relays, entry first; the exit is the same for all.</summary>
    public required IReadOnlyList<Hop> Hops { get; init; }

    /// <summary>This node sends by it; false: it does not answer, or would spoil more than it brings.</summary>
    public bool Used { get; init; }

    /// <summary>Bytes of the exit's session that went by it, layers of the relays not counted.</summary>
    public long BytesSent { get; init; }

    /// <summary>The same that came by it.</summary>
    public long BytesReceived { get; init; }
}

/// <summary>Why the circuits in use have the hops that they have.</summary>
public sealed record WhyAnswer : Answer
{
    /// <summary>The main circuit, entry first; empty when there is none.</summary>
    public required IReadOnlyList<HopReasons> Hops { get; init; }

    /// <summary>One for each further isolation key, in the order of <see cref="CircuitAnswer.Isolated"/>.</summary>
    public IReadOnlyList<IReadOnlyList<HopReasons>> Isolated { get; init; } = [];
}

/// <summary>Why a hop was chosen. The numbers are those of the moment of the choice.</summary>
public sealed record HopReasons
{
    public required HopRole Role { get; init; }

    /// <summary>The node id, z-base-32.</summary>
    public required string NodeId { get; init; }

    /// <summary>Two letters, "ZZ" unknown.</summary>
    public required string Region { get; init; }

    /// <summary>Relays that could have had this place.</summary>
    public int Considered { get; init; }

    /// <summary>This one's chance in a single draw, 0..1; 1 for a guard.</summary>
    public double Chance { get; init; }

    /// <summary>Mbit/s that were counted on.</summary>
    public double Capacity { get; init; }

    /// <summary>A cautious estimate of the share of circuits that it does not spoil, 0..1.</summary>
    public double Reliability { get; init; }

    /// <summary>Milliseconds of the way that was judged, there and back; null when nothing told.</summary>
    public double? RttMs { get; init; }

    /// <summary>The same in sentences.</summary>
    public required IReadOnlyList<string> Why { get; init; }
}

/// <summary>The circuit of an isolation key of its own.</summary>
public sealed record IsolatedCircuit
{
    /// <summary>Entry first; empty while no path is chosen.</summary>
    public required IReadOnlyList<Hop> Hops { get; init; }

    /// <summary>It carries packets; false: it is being built.</summary>
    public bool Ready { get; init; }
}
