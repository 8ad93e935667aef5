using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.UserMode;

namespace Macro.Daemon.Settings;

/// <summary>The settings file as values; the file itself is described in docs/operations/settings.md.</summary>
public sealed record NodeSettings
{
    public NodeSection Node { get; init; } = new();
    public KeysSection Keys { get; init; } = new();
    public ClientSection Client { get; init; } = new();
    public RelaySection Relay { get; init; } = new();
    public ExitSection Exit { get; init; } = new();
    public NetworkSection Network { get; init; } = new();

    /// <summary>These settings with what the command line says laid over them.</summary>
    public NodeSettings With(DaemonOptions options) => this with
    {
        Node = Node with
        {
            DataDirectory = options.DataDirectory ?? Node.DataDirectory,
            ApiSocket = options.ApiSocket ?? Node.ApiSocket,
            LogLevel = options.LogLevel ?? Node.LogLevel,
        },
    };
}

/// <summary>[node]</summary>
public sealed record NodeSection
{
    /// <summary>A label for the user's own eyes; it never leaves the node. 1..63 characters, default "macrovpn".</summary>
    public string Name { get; init; } = "macrovpn";

    /// <summary>Folder of key store, directory and desired state. Default <see cref="DefaultPaths.DataDirectory"/>.</summary>
    public string DataDirectory { get; init; } = DefaultPaths.DataDirectory;

    /// <summary>The one UDP port, 0..65535, default 51900; 0: the system chooses (of no use to a relay).</summary>
    public ushort UdpPort { get; init; } = 51900;

    /// <summary>The one address of the port; null: all addresses of both families. Default all.</summary>
    public IpAddress? Bind { get; init; }

    /// <summary>Threads that receive at the port, 0..64; default 0: as many as the processors want.</summary>
    public int Pumps { get; init; }

    /// <summary>STUN servers to ask besides relays, at most 8; those of RFC 5780 also tell what a firewall lets in. Default none.</summary>
    public IReadOnlyList<Endpoint> StunServers { get; init; } = [];

    /// <summary>Socket of the API. Default <see cref="ApiSocket.DefaultPath"/>.</summary>
    public string ApiSocket { get; init; } = Api.ApiSocket.DefaultPath;

    /// <summary>error, warning, info or debug; default info.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;
}

/// <summary>[keys]</summary>
public sealed record KeysSection
{
    /// <summary>File whose first line is the passphrase of the key store; null: systemd credential or key file.</summary>
    public string? PassphraseFile { get; init; }
}

/// <summary>[client]</summary>
public sealed record ClientSection
{
    /// <summary>Default balanced.</summary>
    public Mode Mode { get; init; } = Mode.Balanced;

    /// <summary>Two capital letters of ISO 3166-1; null: any. Default any.</summary>
    public string? ExitRegion { get; init; }

    /// <summary>Other regions for users of the proxy and for sites; at most 256. Default none.</summary>
    public IReadOnlyList<ExitChoice> Exits { get; init; } = [];

    /// <summary>How the machine's own traffic gets into the circuit; default auto.</summary>
    public TunnelMode Tunnel { get; init; } = TunnelMode.Auto;

    /// <summary>Where the proxy listens for SOCKS5, SOCKS4a and HTTP; null: no proxy. Default 127.0.0.1:1080.</summary>
    public Endpoint? Proxy { get; init; } = Endpoint.Parse("127.0.0.1:1080");

    /// <summary>Addresses that may use the proxy. Default this machine: 127.0.0.0/8 and ::1.</summary>
    public IReadOnlyList<Prefix> ProxyClients { get; init; } = [Prefix.Parse("127.0.0.0/8"), Prefix.Parse("::1/128")];

    /// <summary>Where the resolver listens, UDP and TCP; null: no resolver. Default 127.0.0.1:1053.</summary>
    public Endpoint? Dns { get; init; } = Endpoint.Parse("127.0.0.1:1053");

    /// <summary>Whom the resolver asks, through the circuit; default the exit.</summary>
    public DnsUpstream DnsUpstream { get; init; } = DnsUpstream.Exit;

    /// <summary>Name of the TUN device, 1..15 characters, default "macro0".</summary>
    public string Device { get; init; } = "macro0";

    /// <summary>What goes through the circuit; default everything.</summary>
    public ClientRoutes Routes { get; init; } = ClientRoutes.All;

    /// <summary>Mbit/s that the TUN device's packets may take upwards, 0..100000; 0: no limit. Default 0.</summary>
    public int UploadLimit { get; init; }

    /// <summary>Paths to the exit by which packets go at the same time, 1..4; each shows this client to one more guard. Not in speed and paranoid. Default 1.</summary>
    public int Paths { get; init; } = 1;

    /// <summary>While the client is wanted, nothing leaves past the circuit, also when it stands still. Default false.</summary>
    public bool KillSwitch { get; init; }

    /// <summary>The kill switch lets the local network be reached: printers, file servers. Default false.</summary>
    public bool AllowLan { get; init; }

    /// <summary>Circuits are built in one round trip, except in paranoid; false: hop by hop. Default true.</summary>
    public bool EarlyData { get; init; } = true;

    /// <summary>Cover traffic in paranoid, MB an hour in both directions together, 0..64; 0: none. Default 20.</summary>
    public int CoverBudget { get; init; } = 20;

    /// <summary>The machine's line costs by the byte: no cover traffic. Default false.</summary>
    public bool Metered { get; init; }
}

/// <summary>Whether the client has a TUN device.</summary>
public enum TunnelMode
{
    /// <summary>When the node has the right to make one (CAP_NET_ADMIN).</summary>
    Auto,

    /// <summary>Always; without the right to, the client does not connect.</summary>
    Tun,

    /// <summary>Never: applications use the proxy.</summary>
    None,
}

/// <summary>What sends the packets of an exit's clients to the internet.</summary>
public enum ExitMode
{
    /// <summary>The kernel when the node has the right to configure it (CAP_NET_ADMIN), else this program.</summary>
    Auto,

    /// <summary>A TUN device and the kernel's NAT.</summary>
    Kernel,

    /// <summary>This program's own TCP/IP stack and ordinary sockets.</summary>
    User,
}

/// <summary>Which destinations the client routes into its device: all, none, or the listed prefixes.</summary>
public sealed record ClientRoutes(bool Everything, IReadOnlyList<Prefix> Prefixes)
{
    public static readonly ClientRoutes All = new(true, []);
    public static readonly ClientRoutes None = new(false, []);
}

/// <summary>[relay]</summary>
public sealed record RelaySection
{
    /// <summary>Default false. `macrovpn relay on|off` overrides it.</summary>
    public bool Enabled { get; init; }

    /// <summary>Mbit/s for all circuits together and each direction, 0..100000; 0: no limit. Default 0.</summary>
    public int BandwidthLimit { get; init; }

    /// <summary>GB that go through for others in a calendar month (UTC), 0..1000000; 0: no limit. Default 0.</summary>
    public int MonthlyLimit { get; init; }

    /// <summary>Other rates at some hours of the day, local time; the first that covers an hour holds. Default none.</summary>
    public IReadOnlyList<ScheduledRate> Schedule { get; init; } = [];

    /// <summary>Endpoints to announce, at most three for each address family. Default: none, nothing is announced.</summary>
    public IReadOnlyList<Endpoint> Endpoints { get; init; } = [];

    /// <summary>
    /// TCP port at which a relay takes in those whom UDP does not reach, 1..65535; 0: none. From outside it must be 443. Default 0.
    /// </summary>
    public ushort TcpPort { get; init; }

    /// <summary>A relay asks its router for a port (PCP, NAT-PMP, UPnP). Default true.</summary>
    public bool PortMapping { get; init; } = true;

    /// <summary>Two capital letters of ISO 3166-1 where this node stands; default "ZZ", unknown.</summary>
    public string Region { get; init; } = "ZZ";

    /// <summary>Number of the autonomous system, 0..4294967295; default 0, unknown.</summary>
    public uint Asn { get; init; }

    /// <summary>Any text that all nodes of one operator share, so that no circuit uses two of them. Default none.</summary>
    public string? Family { get; init; }

    /// <summary>Bytes of the outer path's MTU, 1280..9000; default 1500.</summary>
    public ushort Mtu { get; init; } = 1500;
}

/// <summary>[exit]</summary>
public sealed record ExitSection
{
    /// <summary>Default false. Writing true here is the operator's consent. `macrovpn exit on|off` overrides it.</summary>
    public bool Enabled { get; init; }

    /// <summary>Default auto.</summary>
    public ExitMode Mode { get; init; } = ExitMode.Auto;

    /// <summary>Rules in order, the first that matches decides; what no rule matches is refused. Default "accept *".</summary>
    public IReadOnlyList<ExitRule> Policy { get; init; } = [ExitPolicy.AcceptAll];

    /// <summary>The operator refuses nothing.</summary>
    public bool IsOpen => Policy is [var only] && only == ExitPolicy.AcceptAll;

    /// <summary>
    /// Private prefixes that this exit may reach all the same: for labs and company networks. In a static network also
    /// parts of 127.0.0.0/8, but for 127.0.0.0/16. Default none.
    /// </summary>
    public IReadOnlyList<Prefix> AllowPrivate { get; init; } = [];

    /// <summary>Whom the exit asks for names; at most 8. Default none: the machine's own resolvers (/etc/resolv.conf).</summary>
    public IReadOnlyList<Endpoint> Resolvers { get; init; } = [];

    /// <summary>One address of it stands for one session inside the exit; /8../29. Default 100.80.0.0/16.</summary>
    public Prefix PoolV4 { get; init; } = Prefix.Parse("100.80.0.0/16");

    /// <summary>The same for IPv6; /16../112. Default fd6d:6163:726f:1::/64.</summary>
    public Prefix PoolV6 { get; init; } = Prefix.Parse("fd6d:6163:726f:1::/64");

    /// <summary>Name of the exit's TUN device, 1..15 characters, default "macroexit0".</summary>
    public string Device { get; init; } = "macroexit0";
}

/// <summary>[network]</summary>
public sealed record NetworkSection
{
    /// <summary>Name of the network, 1..63 characters; default "macro".</summary>
    public string Name { get; init; } = "macro";

    /// <summary>A directory file that is read at every start, besides what was imported; null: none.</summary>
    public string? Directory { get; init; }

    /// <summary>A private network without discovery: descriptors may live 30 days and name private addresses. Default false.</summary>
    public bool Static { get; init; }

    /// <summary>
    /// The network is on this machine or in this LAN: loopback and private addresses are fine everywhere, and the node is in
    /// no network until it makes or joins a private one. Default false.
    /// </summary>
    public bool Local { get; init; }

    /// <summary>Whether relays are looked for in the DHT, and announced there. Default true.</summary>
    public bool Dht { get; init; } = true;

    /// <summary>Where the DHT is entered, "HOST:PORT", at most 16. Default: the routers of the BitTorrent Mainline DHT.</summary>
    public IReadOnlyList<string> Bootstrap { get; init; } =
        ["router.bittorrent.com:6881", "dht.transmissionbt.com:6881", "router.utorrent.com:6881"];

    /// <summary>A signed list of relays to begin with; null: the one beside the program, if there is one.</summary>
    public string? SeedList { get; init; }

    /// <summary>A table of addresses and countries, as Debian's tor-geoipdb has it; null: /usr/share/tor/geoip, if it is there.</summary>
    public string? GeoIp { get; init; }
}
