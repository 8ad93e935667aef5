using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Daemon.Settings;

namespace Macro.Daemon.Tests;

public sealed class SettingsTests
{
    [Fact]
    public void An_empty_file_means_the_defaults()
    {
        var settings = SettingsReader.Read("", "settings.toml");
        Assert.Equal(Mode.Balanced, settings.Client.Mode);
        Assert.Null(settings.Client.ExitRegion);
        Assert.True(settings.Client.Routes.Everything);
        Assert.Equal(51900, settings.Node.UdpPort);
        Assert.False(settings.Relay.Enabled);
        Assert.False(settings.Exit.Enabled);
        Assert.False(settings.Network.Static);
        Assert.Null(settings.Node.Bind);
        Assert.Equal((TunnelMode.Auto, ExitMode.Auto), (settings.Client.Tunnel, settings.Exit.Mode));
        Assert.True(settings.Client.Proxy!.Value.Address == IpAddress.V4Loopback && settings.Client.Dns!.Value.Address == IpAddress.V4Loopback);
    }

    [Fact]
    public void Every_key_is_read()
    {
        var settings = SettingsReader.Read("""
            # all of it
            [node]
            name = "attic"
            data_directory = "/srv/macrovpn"
            udp_port = 4000
            bind = "192.0.2.1"
            api_socket = "/run/attic.sock"
            log_level = "debug"
            [keys]
            passphrase_file = "/run/secrets/macrovpn"
            [client]
            mode = "private"
            exit_region = "CH"
            exits = ["user:work ch,any", "BBC.co.uk. GB", "*.bbc.co.uk GB"]
            tunnel = "tun"
            proxy = "192.0.2.1:9050"
            proxy_clients = ["192.0.2.0/24"]
            dns = "off"
            device = "mv0"
            routes = ["10.0.0.0/8", "2001:db8::/32"]
            kill_switch = true
            allow_lan = true
            [relay]
            enabled = true
            bandwidth_limit = 200
            endpoints = ["192.0.2.1:4000", "[2001:db8::1]:4000"]
            region = "DE"
            asn = 64500
            family = "attic people"
            mtu = 1420
            port_mapping = false
            tcp_port = 443
            [exit]
            enabled = true
            mode = "user"
            resolvers = ["9.9.9.9:53"]
            policy = ["reject 203.0.113.0/24", "accept *:80-443/tcp", "reject *"]
            allow_private = ["10.9.0.0/16"]
            pool_v4 = "100.90.0.0/20"
            pool_v6 = "fd00:1::/64"
            device = "mvx0"
            [network]
            name = "lab"
            directory = "/etc/macrovpn/directory"
            static = true
            """, "settings.toml");

        Assert.Equal("attic", settings.Node.Name);
        Assert.Equal("/srv/macrovpn", settings.Node.DataDirectory);
        Assert.Equal(4000, settings.Node.UdpPort);
        Assert.Equal(IpAddress.Parse("192.0.2.1"), settings.Node.Bind);
        Assert.Equal(["user:work", "bbc.co.uk", "*.bbc.co.uk"], settings.Client.Exits.Select(choice => choice.Whose));
        Assert.Equal(TunnelMode.Tun, settings.Client.Tunnel);
        Assert.Equal(Endpoint.Parse("192.0.2.1:9050"), settings.Client.Proxy);
        Assert.Null(settings.Client.Dns);
        Assert.Equal([Prefix.Parse("192.0.2.0/24")], settings.Client.ProxyClients);
        Assert.Equal(ExitMode.User, settings.Exit.Mode);
        Assert.Equal([Endpoint.Parse("9.9.9.9:53")], settings.Exit.Resolvers);
        Assert.Equal("/run/secrets/macrovpn", settings.Keys.PassphraseFile);
        Assert.Equal((Mode.Private, "CH", "mv0", true), (settings.Client.Mode, settings.Client.ExitRegion, settings.Client.Device, settings.Client.KillSwitch));
        Assert.Equal([Prefix.Parse("10.0.0.0/8"), Prefix.Parse("2001:db8::/32")], settings.Client.Routes.Prefixes);
        Assert.False(settings.Client.Routes.Everything);
        Assert.True(settings.Client.AllowLan);
        Assert.Equal([Endpoint.Parse("192.0.2.1:4000"), Endpoint.Parse("[2001:db8::1]:4000")], settings.Relay.Endpoints);
        Assert.False(settings.Relay.PortMapping);
        Assert.Equal(443, settings.Relay.TcpPort);
        Assert.Equal((200, "DE", 64500u, (ushort)1420), (settings.Relay.BandwidthLimit, settings.Relay.Region, settings.Relay.Asn, settings.Relay.Mtu));
        Assert.Equal(
            [
                new ExitRule(false, Prefix.Parse("203.0.113.0/24"), 0, 65535, null),
                new ExitRule(true, null, 80, 443, IpProtocol.Tcp),
                new ExitRule(false, null, 0, 65535, null),
            ],
            settings.Exit.Policy);
        Assert.Equal(Prefix.Parse("100.90.0.0/20"), settings.Exit.PoolV4);
        Assert.Equal(("lab", "/etc/macrovpn/directory", true), (settings.Network.Name, settings.Network.Directory, settings.Network.Static));
    }

    [Theory]
    [InlineData("[client]\nmode = \"fast\"",
        "settings.toml:2: client.mode: 'fast' is not a mode; use speed, balanced, private or paranoid")]
    [InlineData("[client]\nmode = 3",
        "settings.toml:2: client.mode: '3' is not a mode; use speed, balanced, private or paranoid")]
    [InlineData("[client]\nmod = \"speed\"",
        "settings.toml:2: client.mod is not a setting; use client.mode instead, or remove it")]
    [InlineData("[clinet]\nmode = \"speed\"",
        "settings.toml:1: [clinet] is not a section; use client instead, or remove it")]
    [InlineData("[weather]\nsun = true",
        "settings.toml:1: [weather] is not a section; use one of those in docs/operations/settings.md, or remove it")]
    [InlineData("\n\nmode = \"speed\"",
        "settings.toml:3: mode is not a setting; use one of those in docs/operations/settings.md, or remove it")]
    [InlineData("[node]\nudp_port = 70000",
        "settings.toml:2: node.udp_port: 70000 is out of bounds; use a port of 0 to 65535")]
    [InlineData("[node]\nudp_port = \"51900\"",
        "settings.toml:2: node.udp_port: '51900' is not a whole number; use a port of 0 to 65535")]
    [InlineData("[node]\ndata_directory = \"data\"",
        "settings.toml:2: node.data_directory: 'data' is not an absolute path; begin it with /")]
    [InlineData("[client]\nexit_region = \"Swiss\"",
        "settings.toml:2: client.exit_region: 'Swiss' is not a region; use two capital letters as in \"CH\", or \"any\"")]
    [InlineData("[client]\nroutes = \"some\"",
        "settings.toml:2: client.routes: 'some' is not a choice of routes; use \"all\", \"none\" or a list of prefixes")]
    [InlineData("[client]\nroutes = [\"10.0.0.0\",\n  \"10.0.0.0/33\"]",
        "settings.toml:3: client.routes: '10.0.0.0/33' is not a prefix; use \"192.0.2.0/24\" or \"2001:db8::/32\"")]
    [InlineData("[client]\nkill_switch = \"yes\"",
        "settings.toml:2: client.kill_switch: 'yes' is neither yes nor no; use true or false")]
    [InlineData("[client]\ndevice = \"a name that is too long\"",
        "settings.toml:2: client.device: 'a name that is too long' is not a device name; use 1 to 15 letters, digits, '-', '_' or '.'")]
    [InlineData("[relay]\nendpoints = [\"example.org:51900\"]",
        "settings.toml:2: relay.endpoints: 'example.org:51900' is not an endpoint; use \"192.0.2.1:51900\" or \"[2001:db8::1]:51900\"")]
    [InlineData("[relay]\ntcp_port = 443",
        "settings.toml:2: relay.tcp_port: takes in strangers only where relay.endpoints says where; set that too, or remove this")]
    [InlineData("[exit]\npolicy = [\"reject *:80\"]", "settings.toml:2: exit.policy: accepts nothing, and what no rule matches is refused; end it with \"accept *\"")]
    [InlineData("[client]\ntunnel = \"none\"\nkill_switch = true", "settings.toml:3: client.kill_switch: needs the TUN device; set client.tunnel to \"auto\", or remove this")]
    [InlineData("[exit]\npolicy = [\"permit any\"]",
        "settings.toml:2: exit.policy: 'permit any' is not a rule; use \"accept|reject ADDRESSES[:PORTS][/PROTOCOL]\", as in \"reject *:25/tcp\"")]
    [InlineData("[exit]\ndevice = \"macro0\"",
        "settings.toml:2: exit.device: 'macro0' is the client's device too; use another name")]
    [InlineData("[node]\nbind = \"everywhere\"",
        "settings.toml:2: node.bind: 'everywhere' is not an address; use \"192.0.2.1\", \"2001:db8::1\" or \"any\"")]
    [InlineData("[client]\nproxy = \"1080\"",
        "settings.toml:2: client.proxy: '1080' is not an endpoint to listen at; use \"127.0.0.1:1080\" or \"off\"")]
    [InlineData("[client]\ndns = \"127.0.0.1:1080\"",
        "settings.toml:2: client.dns: the proxy listens there; use another port")]
    [InlineData("[client]\nexits = [\"user:work CH\",\n  \"bbc.co.uk Britain\"]",
        "settings.toml:3: client.exits: 'bbc.co.uk Britain' is not a user or site with regions for its exits; use \"user:work CH,any\", \"bbc.co.uk GB\" or \"*.bbc.co.uk GB\"")]
    [InlineData("[client]\nexits = [\"BBC.co.uk GB\", \"bbc.co.uk. CH\"]",
        "settings.toml:2: client.exits: 'bbc.co.uk' stands there twice; remove one of the two")]
    [InlineData("[exit]\nallow_private = [\"127.77.0.0/16\"]",
        "settings.toml:2: exit.allow_private: loopback addresses may be reached in a static or local network only; remove them")]
    [InlineData("[exit]\nallow_private = [\"127.0.0.0/8\"]\n[network]\nstatic = true",
        "settings.toml:2: exit.allow_private: of 127.0.0.0/8, only prefixes of /16 and longer outside of 127.0.0.0/16 may be reached; use others")]
    [InlineData("[exit]\nallow_private = [\"127.0.0.1\"]\n[network]\nstatic = true",
        "settings.toml:2: exit.allow_private: of 127.0.0.0/8, only prefixes of /16 and longer outside of 127.0.0.0/16 may be reached; use others")]
    [InlineData("[node]\nudp_port = 0\n[relay]\nenabled = true",
        "settings.toml:2: node.udp_port: a relay needs a port that stays; use 51900")]
    public void A_mistake_is_told_with_file_line_key_and_remedy(string text, string sentence)
    {
        var error = Assert.Throws<SettingsException>(() => SettingsReader.Read(text, "settings.toml"));
        Assert.Contains(sentence, error.Errors);
    }

    [Fact]
    public void Exits_are_chosen_for_256_users_and_sites_at_most()
    {
        Assert.Equal(256, SettingsReader.Read(Exits(256), "s").Client.Exits.Count);
        var error = Assert.Throws<SettingsException>(() => SettingsReader.Read(Exits(257), "s"));
        Assert.Equal(["s:2: client.exits: at most 256; remove some"], error.Errors);

        static string Exits(int count) => $"[client]\nexits = [{string.Join(", ", Enumerable.Range(0, count).Select(i => $"\"site{i}.example CH\""))}]";
    }

    [Fact]
    public void All_mistakes_are_told_at_once_in_the_order_of_their_lines()
    {
        var error = Assert.Throws<SettingsException>(() => SettingsReader.Read("[node]\nudp_port = -1\n[client]\nmode = \"x\"\nfoo = 1", "s"));
        Assert.Equal(["s:2", "s:4", "s:5"], error.Errors.Select(e => e[..3]));
    }

    [Theory]
    [InlineData("[node]\nname = \n", "s:2: the file is not TOML: ")]
    [InlineData("[node]\nname = \"a\"\nname = \"b\"", "s:3: the file is not TOML: ")]
    [InlineData("[node]\n[node]\n", "s:2: the file is not TOML: ")]
    public void What_is_not_TOML_is_told_with_its_line(string text, string beginning)
    {
        var error = Assert.Throws<SettingsException>(() => SettingsReader.Read(text, "s"));
        Assert.StartsWith(beginning, error.Errors[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_was_named_must_exist()
    {
        var error = Assert.Throws<SettingsException>(() => SettingsReader.ReadFile("/nowhere/settings.toml"));
        Assert.StartsWith("/nowhere/settings.toml: cannot be read", error.Message, StringComparison.Ordinal);
    }
}
