using System.Globalization;
using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.UserMode;

namespace Macro.Daemon.Settings;

/// <summary>Reads the settings file. Every key, its bounds and its default stand here and in docs/operations/settings.md.</summary>
public static class SettingsReader
{
    /// <summary>Reads a file. A file that the user named must exist; the default one need not.</summary>
    /// <exception cref="SettingsException">The file is missing or wrong.</exception>
    public static NodeSettings ReadFile(string? named)
    {
        var path = named ?? DefaultPaths.SettingsFile;
        if (named is null && !File.Exists(path))
            return new NodeSettings();
        try
        {
            return Read(File.ReadAllText(path), path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingsException([$"{path}: cannot be read ({e.Message.TrimEnd('.')}); check the path and its permissions"]);
        }
    }

    /// <param name="file">The name to use in messages.</param>
    /// <exception cref="SettingsException">With a line for each mistake.</exception>
    public static NodeSettings Read(string text, string file)
    {
        var document = new SettingsDocument(text, file);
        var defaults = new NodeSettings();
        var settings = new NodeSettings
        {
            Node = Node(document, defaults.Node),
            Keys = new KeysSection { PassphraseFile = document.Text("keys.passphrase_file", null, AbsolutePath) },
            Client = Client(document, defaults.Client),
            Relay = Relay(document, defaults.Relay),
            Exit = Exit(document, defaults.Exit),
            Network = Network(document, defaults.Network),
        };
        Agree(document, settings);
        document.Finish();
        return settings;
    }

    static NodeSection Node(SettingsDocument document, NodeSection defaults) => new()
    {
        Name = document.Text("node.name", defaults.Name, Label)!,
        DataDirectory = document.Text("node.data_directory", defaults.DataDirectory, AbsolutePath)!,
        UdpPort = (ushort)document.Number("node.udp_port", defaults.UdpPort, 0, 65535, "port"),
        Bind = document.Parsed<IpAddress?>("node.bind", null, ParseBind, "an address; use \"192.0.2.1\", \"2001:db8::1\" or \"any\""),
        Pumps = (int)document.Number("node.pumps", defaults.Pumps, 0, 64, "number of threads"),
        StunServers = document.List("node.stun_servers", defaults.StunServers, ParseEndpoint, "an endpoint; use \"192.0.2.1:3478\" or \"[2001:db8::1]:3478\""),
        ApiSocket = document.Text("node.api_socket", defaults.ApiSocket, SocketPath)!,
        LogLevel = document.Choice("node.log_level", defaults.LogLevel, "a log level",
            ("error", LogLevel.Error), ("warning", LogLevel.Warning), ("info", LogLevel.Information), ("debug", LogLevel.Debug)),
    };

    static ClientSection Client(SettingsDocument document, ClientSection defaults) => new()
    {
        Mode = document.Choice("client.mode", defaults.Mode, "a mode",
            ("speed", Mode.Speed), ("balanced", Mode.Balanced), ("private", Mode.Private), ("paranoid", Mode.Paranoid)),
        ExitRegion = document.Text("client.exit_region", "any", RegionOrAny) is { } text && ExitRegions.TryParse(text, out var regions) && regions != ExitRegions.Any ? regions : null,
        Exits = document.List("client.exits", defaults.Exits, (string text, out ExitChoice choice) => ExitChoice.TryParse(text, out choice),
            "a user or site with regions for its exits; use \"user:work CH,any\", \"bbc.co.uk GB\" or \"*.bbc.co.uk GB\""),
        Tunnel = document.Choice("client.tunnel", defaults.Tunnel, "a kind of tunnel",
            ("auto", TunnelMode.Auto), ("tun", TunnelMode.Tun), ("none", TunnelMode.None)),
        Proxy = document.Parsed("client.proxy", defaults.Proxy, ParseListener, "an endpoint to listen at; use \"127.0.0.1:1080\" or \"off\""),
        ProxyClients = document.List("client.proxy_clients", defaults.ProxyClients, ParsePrefix, APrefix),
        Dns = document.Parsed("client.dns", defaults.Dns, ParseListener, "an endpoint to listen at; use \"127.0.0.1:1053\" or \"off\""),
        DnsUpstream = document.Parsed("client.dns_upstream", defaults.DnsUpstream, ParseUpstream,
            "a resolver; use \"exit\", \"tls://9.9.9.9#dns.quad9.net\" or \"https://dns.quad9.net/dns-query#9.9.9.9\""),
        Device = document.Text("client.device", defaults.Device, DeviceName)!,
        Routes = document.IsList("client.routes")
            ? new ClientRoutes(false, document.List<Prefix>("client.routes", [], ParsePrefix, APrefix))
            : document.Parsed("client.routes", defaults.Routes, ParseRoutes, "a choice of routes; use \"all\", \"none\" or a list of prefixes"),
        UploadLimit = (int)document.Number("client.upload_limit", defaults.UploadLimit, 0, 100_000, "rate in Mbit/s"),
        KillSwitch = document.Flag("client.kill_switch", defaults.KillSwitch),
        AllowLan = document.Flag("client.allow_lan", defaults.AllowLan),
        Paths = (int)document.Number("client.paths", defaults.Paths, 1, 4, "number of paths"),
        EarlyData = document.Flag("client.early_data", defaults.EarlyData),
        CoverBudget = (int)document.Number("client.cover_budget", defaults.CoverBudget, 0, 64, "number of MB an hour"),
        Metered = document.Flag("client.metered", defaults.Metered),
    };

    static RelaySection Relay(SettingsDocument document, RelaySection defaults) => new()
    {
        Enabled = document.Flag("relay.enabled", defaults.Enabled),
        BandwidthLimit = (int)document.Number("relay.bandwidth_limit", defaults.BandwidthLimit, 0, 100_000, "rate in Mbit/s"),
        MonthlyLimit = (int)document.Number("relay.monthly_limit", defaults.MonthlyLimit, 0, 1_000_000, "number of GB"),
        Schedule = document.List("relay.schedule", defaults.Schedule, (string text, out ScheduledRate rate) => ScheduledRate.TryParse(text, out rate),
            "hours and a rate in Mbit/s; use \"22:00-07:00 5\""),
        Endpoints = document.List("relay.endpoints", defaults.Endpoints, ParseEndpoint, "an endpoint; use \"192.0.2.1:51900\" or \"[2001:db8::1]:51900\""),
        TcpPort = (ushort)document.Number("relay.tcp_port", defaults.TcpPort, 0, 65535, "port"),
        PortMapping = document.Flag("relay.port_mapping", defaults.PortMapping),
        Region = document.Text("relay.region", defaults.Region, Region)!,
        Asn = (uint)document.Number("relay.asn", defaults.Asn, 0, uint.MaxValue, "number"),
        Family = document.Text("relay.family", defaults.Family, Label),
        Mtu = (ushort)document.Number("relay.mtu", defaults.Mtu, 1280, 9000, "size in bytes"),
    };

    static ExitSection Exit(SettingsDocument document, ExitSection defaults) => new()
    {
        Enabled = document.Flag("exit.enabled", defaults.Enabled),
        Mode = document.Choice("exit.mode", defaults.Mode, "a kind of exit",
            ("auto", ExitMode.Auto), ("kernel", ExitMode.Kernel), ("user", ExitMode.User)),
        Policy = document.List("exit.policy", defaults.Policy, (string text, out ExitRule rule) => ExitRule.TryParse(text, out rule),
            "a rule; use \"accept|reject ADDRESSES[:PORTS][/PROTOCOL]\", as in \"reject *:25/tcp\""),
        AllowPrivate = document.List("exit.allow_private", defaults.AllowPrivate, ParsePrefix, APrefix),
        Resolvers = document.List("exit.resolvers", defaults.Resolvers, ParseEndpoint, "an endpoint; use \"9.9.9.9:53\" or \"[2620:fe::fe]:53\""),
        PoolV4 = document.Parsed("exit.pool_v4", defaults.PoolV4,
            (string text, out Prefix prefix) => ParsePrefix(text, out prefix) && prefix.IsV4 && prefix.Length is >= 8 and <= 29,
            "an IPv4 prefix of /8 to /29; use \"100.80.0.0/16\""),
        PoolV6 = document.Parsed("exit.pool_v6", defaults.PoolV6,
            (string text, out Prefix prefix) => ParsePrefix(text, out prefix) && !prefix.IsV4 && prefix.Length is >= 16 and <= 112,
            "an IPv6 prefix of /16 to /112; use \"fd6d:6163:726f:1::/64\""),
        Device = document.Text("exit.device", defaults.Device, DeviceName)!,
    };

    static NetworkSection Network(SettingsDocument document, NetworkSection defaults) => new()
    {
        Name = document.Text("network.name", defaults.Name, Label)!,
        Directory = document.Text("network.directory", defaults.Directory, AbsolutePath),
        Static = document.Flag("network.static", defaults.Static),
        Local = document.Flag("network.local", defaults.Local),
        Dht = document.Flag("network.dht", defaults.Dht),
        Bootstrap = document.List("network.bootstrap", defaults.Bootstrap, ParseHostAndPort, "a host with its port; use \"router.example:6881\" or \"192.0.2.1:6881\""),
        SeedList = document.Text("network.seed_list", defaults.SeedList, AbsolutePath),
        GeoIp = document.Text("network.geoip", defaults.GeoIp, AbsolutePath),
    };

    /// <summary>What one key alone cannot tell.</summary>
    static void Agree(SettingsDocument document, NodeSettings settings)
    {
        if (settings.Client.Device == settings.Exit.Device)
            document.Refuse("exit.device", $"'{settings.Exit.Device}' is the client's device too; use another name");
        if (settings.Relay.Endpoints.Count(e => e.Address.IsV4) > 3 || settings.Relay.Endpoints.Count(e => e.Address.IsV6) > 3)
            document.Refuse("relay.endpoints", "a descriptor holds three endpoints of a family; remove some");
        if (settings.Node.StunServers.Count > 8)
            document.Refuse("node.stun_servers", "at most eight; remove some");
        if (!settings.Exit.Policy.Any(rule => rule.Accepts))
            document.Refuse("exit.policy", "accepts nothing, and what no rule matches is refused; end it with \"accept *\"");
        if (settings.Client is { KillSwitch: true, Tunnel: TunnelMode.None })
            document.Refuse("client.kill_switch", "needs the TUN device; set client.tunnel to \"auto\", or remove this");
        if (settings.Exit.Resolvers.Count > 8)
            document.Refuse("exit.resolvers", "at most eight; remove some");
        if (settings.Relay.TcpPort != 0 && settings.Relay.Endpoints.Count == 0)
            document.Refuse("relay.tcp_port", "takes in strangers only where relay.endpoints says where; set that too, or remove this");
        if (settings.Exit.AllowPrivate.Any(IsLoopback) && !(settings.Network.Static || settings.Network.Local))
            document.Refuse("exit.allow_private", "loopback addresses may be reached in a static or local network only; remove them");
        if (settings.Exit.AllowPrivate.Any(prefix => IsLoopback(prefix) && !ExitPolicy.MayAllowLoopback(prefix)))
            document.Refuse("exit.allow_private", "of 127.0.0.0/8, only prefixes of /16 and longer outside of 127.0.0.0/16 may be reached; use others");
        if (settings.Network.Bootstrap.Count > 16)
            document.Refuse("network.bootstrap", "at most sixteen; remove some");
        if (settings.Client.Exits.Count > 256)
            document.Refuse("client.exits", "at most 256; remove some");
        if (settings.Client.Exits.GroupBy(choice => choice.Whose).FirstOrDefault(same => same.Count() > 1) is { } twice)
            document.Refuse("client.exits", $"'{twice.Key}' stands there twice; remove one of the two");
        if (settings.Client.Proxy is { } proxy && settings.Client.Dns == proxy)
            document.Refuse("client.dns", "the proxy listens there; use another port");
        if (settings.Relay.Enabled && settings.Node.UdpPort == 0)
            document.Refuse("node.udp_port", "a relay needs a port that stays; use 51900");
    }

    /// <summary>Loopback is the machine itself: no network has a business there but one that is made on a single machine.</summary>
    static bool IsLoopback(Prefix prefix) => s_loopback.Contains(prefix.Address);

    static readonly Prefix s_loopback = Prefix.Parse("127.0.0.0/8");

    const string APrefix = "a prefix; use \"192.0.2.0/24\" or \"2001:db8::/32\"";

    static bool ParseRoutes(string text, out ClientRoutes routes)
    {
        routes = text == "all" ? ClientRoutes.All : ClientRoutes.None;
        return text is "all" or "none";
    }

    static bool ParsePrefix(string text, out Prefix prefix) => Prefix.TryParse(text, out prefix);

    static bool ParseBind(string text, out IpAddress? address)
    {
        var parsed = IpAddress.TryParse(text, out var one);
        address = parsed ? one : null;
        return parsed || text == "any";
    }

    static bool ParseUpstream(string text, out DnsUpstream upstream)
    {
        var read = DnsUpstream.TryParse(text, out var parsed);
        upstream = parsed ?? DnsUpstream.Exit;
        return read;
    }

    static bool ParseListener(string text, out Endpoint? endpoint)
    {
        var parsed = ParseEndpoint(text, out var one);
        endpoint = parsed ? one : null;
        return parsed || text == "off";
    }

    static bool ParseEndpoint(string text, out Endpoint endpoint) => Endpoint.TryParse(text, out endpoint) && endpoint.Port != 0;

    static bool ParseHostAndPort(string text, out string router)
    {
        router = text;
        var colon = text.LastIndexOf(':');
        return ParseEndpoint(text, out _)
            || (colon is > 0 and <= 253 && Uri.CheckHostName(text[..colon]) == UriHostNameType.Dns
                && ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port != 0);
    }

    static string? Label(string text) =>
        text.Length is >= 1 and <= 63 && !text.Any(char.IsControl) ? null : "expects 1 to 63 characters; shorten it";

    static string? AbsolutePath(string text) =>
        text.StartsWith('/') ? null : $"'{text}' is not an absolute path; begin it with /";

    // sun_path of a Unix socket holds 108 bytes with the closing zero.
    static string? SocketPath(string text) => AbsolutePath(text)
        ?? (text.Length <= 107 ? null : "a socket's path has at most 107 characters; use a shorter one");

    static string? DeviceName(string text) =>
        text.Length is >= 1 and <= 15 && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            ? null
            : $"'{text}' is not a device name; use 1 to 15 letters, digits, '-', '_' or '.'";

    static string? Region(string text) =>
        text is [>= 'A' and <= 'Z', >= 'A' and <= 'Z'] ? null : $"'{text}' is not a region; use two capital letters as in \"CH\", or \"ZZ\" for unknown";

    static string? RegionOrAny(string text) =>
        ExitRegions.TryParse(text, out _) ? null : $"'{text}' is not a region; use two capital letters as in \"CH\", or \"any\"";
}
