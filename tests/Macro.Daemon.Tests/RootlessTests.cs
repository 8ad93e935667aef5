using System.Net;
using System.Net.Sockets;
using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.UserMode;

namespace Macro.Daemon.Tests;

/// <summary>Real nodes without rights, over real sockets.</summary>
public sealed class RootlessTests
{
    [Fact]
    public async Task A_client_without_rights_connects_through_three_hops()
    {
        await using var network = await LoopbackNetwork.StartAsync();
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Private });
        var status = await network.UntilAsync(s => s.State == ConnectionState.Active);

        Assert.True(status.Rootless);
        Assert.Equal(3, status.Hops);
        Assert.Null(status.Device);
        Assert.Equal(3, (await network.Client.CircuitAsync()).Hops.Count);

        status = await network.Client.DownAsync();
        Assert.Equal((ConnectionState.Off, 0), (status.State, status.Hops));
    }

    [Fact]
    public async Task Why_each_hop_was_chosen_is_told_and_a_blocked_relay_is_used_no_more()
    {
        await using var network = await LoopbackNetwork.StartAsync();
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Balanced });
        await network.UntilAsync(s => s.State == ConnectionState.Active);
        var why = await network.Client.CircuitWhyAsync();
        Assert.Equal((await network.Client.CircuitAsync()).Hops.Select(hop => hop.NodeId), why.Hops.Select(hop => hop.NodeId));
        Assert.All(why.Hops, hop => Assert.NotEmpty(hop.Why));

        var entry = why.Hops[0].NodeId;
        Assert.Equal([entry], (await network.Client.BlockAsync(new BlockRequest { Rule = entry })).Rules);
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Balanced });
        await network.UntilAsync(s => s.State == ConnectionState.Active);
        Assert.NotEqual(entry, (await network.Client.CircuitAsync()).Hops[0].NodeId);
        await network.Client.BlockAsync(new BlockRequest { Rule = "127.0.0.0/8" });
        var refused = await Assert.ThrowsAsync<NodeException>(() => network.Client.UpAsync(new UpRequest { Mode = Mode.Balanced }));
        Assert.Contains("blocked", refused.Problem.Message);
        await network.Client.UnblockAsync(new BlockRequest { Rule = "127.0.0.0/8" });
        await Assert.ThrowsAsync<NodeException>(() => network.Client.BlockAsync(new BlockRequest { Rule = "nobody" }));

        // What is kept of it tells the disk's finder nothing.
        Assert.DoesNotContain(entry, await network.ReadAsync("blocklist"), StringComparison.Ordinal);
        Assert.DoesNotContain(entry, await network.ReadAsync("guards"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_wanted_when_the_node_stopped_is_tried_until_it_can_be_had()
    {
        await using var network = await LoopbackNetwork.StartAsync(wanted: new Wishes { Up = true, Mode = Mode.Private }, introduce: false);
        var status = await network.UntilAsync(s => s.State == ConnectionState.Waiting);
        Assert.Equal((ProblemCodes.NoRelays, "No relay is known."), (status.Problem!.Code, status.Problem.Message));
        Assert.NotNull(status.Problem.Remedy);

        await network.IntroduceAsync();
        status = await network.UntilAsync(s => s.State == ConnectionState.Active);
        Assert.Null(status.Problem);
    }

    [Fact]
    public async Task The_proxy_listens_while_a_connection_is_wanted_and_not_otherwise()
    {
        var (section, proxy) = WithProxy();
        await using var network = await LoopbackNetwork.StartAsync(section);
        Assert.False(await ListensAsync(proxy));
        await ConnectAsync(network);
        Assert.Equal(proxy.ToString(), (await network.Client.ProxyAsync()).Proxy);
        Assert.True(await ListensAsync(proxy));

        await network.Client.DownAsync();
        Assert.False(await ListensAsync(proxy));
        Assert.Null((await network.Client.ProxyAsync()).Proxy);
    }

    [Fact]
    public async Task Each_user_name_has_a_circuit_of_its_own_and_is_told_nowhere()
    {
        var (section, proxy) = WithProxy();
        await using var network = await LoopbackNetwork.StartAsync(section);
        await ConnectAsync(network);

        using var alice = await SocksAsync(proxy, "alice");
        using var again = await SocksAsync(proxy, "alice");
        using var bob = await SocksAsync(proxy, "bob");
        await EventuallyAsync(async () => (await network.Client.CircuitAsync()).Isolated.Count(circuit => circuit.Ready) == 2);
        Assert.Equal(2, (await network.Client.CircuitAsync()).Isolated.Count);
        Assert.DoesNotContain("alice", (await network.Client.StatusAsync()).ToString() + await network.Client.CircuitAsync());

        // Without a connection nothing hangs on: each is told.
        await network.Client.DownAsync();
        Assert.Empty((await network.Client.CircuitAsync()).Isolated);
        await EndsAsync(alice);
        await EndsAsync(bob);
    }

    [Fact]
    public async Task An_exit_reaches_only_what_its_operator_accepts()
    {
        var (section, proxy) = WithProxy();
        await using var network = await LoopbackNetwork.StartAsync(section, exit: new ExitSection
        {
            Enabled = true,
            Mode = ExitMode.User,
            Policy = [ExitRule.TryParse("accept *:443/tcp", out var only) ? only : default],
            AllowPrivate = [Prefix.Parse("198.51.100.0/24")],
        });
        await ConnectAsync(network);
        using var denied = await SocksAsync(proxy, "alice");
        var reply = new byte[2];
        await denied.GetStream().ReadExactlyAsync(reply);
        // RFC 1928 6: not allowed by the ruleset.
        Assert.Equal([5, 2], reply);
    }

    [Fact]
    public async Task Users_and_sites_have_exits_where_the_settings_say_and_no_others()
    {
        var (section, proxy) = WithProxy();
        section = section with { Exits = [Choice("user:alice CH"), Choice("user:carol SE"), Choice("*.example CH"), Choice("site.example SE")] };
        await using var network = await LoopbackNetwork.StartAsync(section, regions: ["NL", "CH"]);
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Balanced, ExitRegion = "NL" });
        await network.UntilAsync(s => s.State == ConnectionState.Active);

        using var alice = await SocksAsync(proxy, "alice");
        await EventuallyAsync(async () => Exits(await network.Client.CircuitAsync()) is ["CH"]);
        using var bob = await SocksAsync(proxy, "bob");
        await EventuallyAsync(async () => Exits(await network.Client.CircuitAsync()) is ["CH", "NL"]);
        using var visit = await SocksAsync(proxy, "bob", "www.site.example");
        await EventuallyAsync(async () => Exits(await network.Client.CircuitAsync()) is ["CH", "CH", "NL"]);

        // In Sweden there is none: general failure, whatever stands elsewhere.
        foreach (var (user, site) in ((string, string?)[])[("carol", null), ("carol", "site.test"), ("bob", "site.example")])
        {
            using var refused = await SocksAsync(proxy, user, site);
            var answer = new byte[2];
            await refused.GetStream().ReadExactlyAsync(answer);
            Assert.Equal([5, 1], answer);
        }
        Assert.Equal(["CH", "CH", "NL"], Exits(await network.Client.CircuitAsync()));
        Assert.DoesNotContain("example", (await network.Client.StatusAsync()).ToString() + await network.Client.CircuitAsync());

        static string[] Exits(CircuitAnswer circuits) => [.. circuits.Isolated.Where(one => one.Ready).Select(one => one.Hops[^1].Region).Order()!];

        static ExitChoice Choice(string text) => ExitChoice.TryParse(text, out var choice) ? choice : throw new FormatException(text);
    }

    [Fact]
    public async Task A_port_that_another_program_has_is_told_with_its_remedy()
    {
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var taken = Core.Endpoint.Parse(other.LocalEndpoint.ToString()!);
        await using var network = await LoopbackNetwork.StartAsync(new ClientSection { Tunnel = TunnelMode.None, Proxy = taken, Dns = null });
        await network.Client.UpAsync(new UpRequest());
        var status = await network.UntilAsync(s => s.State == ConnectionState.Failed);
        Assert.Equal(ProblemCodes.NotPermitted, status.Problem!.Code);
        Assert.Contains("client.proxy", status.Problem.Remedy);
    }

    [Fact]
    public async Task A_region_without_an_exit_has_a_code_of_its_own_and_no_relays_at_all_another()
    {
        await using var network = await LoopbackNetwork.StartAsync(introduce: false);
        Assert.Equal(ProblemCodes.NoRelays, await RefusalAsync());
        await network.IntroduceAsync();
        Assert.Equal(ProblemCodes.NoExitInRegion, await RefusalAsync());

        async Task<string> RefusalAsync() =>
            (await Assert.ThrowsAsync<NodeException>(() => network.Client.UpAsync(new UpRequest { ExitRegion = "SE" }))).Problem.Code;
    }

    [Fact]
    public async Task A_connection_that_waits_for_an_exit_in_its_region_says_so()
    {
        await using var network = await LoopbackNetwork.StartAsync(wanted: new Wishes { Up = true, ExitRegion = "SE" }, introduce: false);
        var status = await network.UntilAsync(s => s.State == ConnectionState.Waiting);
        Assert.Equal(ProblemCodes.NoRelays, status.Problem!.Code);
        await network.IntroduceAsync();
        await network.UntilAsync(s => s.Problem?.Code == ProblemCodes.NoExitInRegion);
    }

    static (ClientSection Section, Endpoint Proxy) WithProxy()
    {
        var proxy = new Endpoint(IpAddress.V4Loopback, LoopbackNetwork.FreePort(SocketType.Stream));
        return (new ClientSection { Tunnel = TunnelMode.None, Proxy = proxy, Dns = null }, proxy);
    }

    static async Task ConnectAsync(LoopbackNetwork network)
    {
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Private });
        await network.UntilAsync(s => s.State == ConnectionState.Active);
    }

    /// <summary>Asks the proxy, under a user name, for a site, or for an address that does not answer.</summary>
    static async Task<TcpClient> SocksAsync(Endpoint proxy, string user, string? site = null)
    {
        var client = new TcpClient();
        await client.ConnectAsync(IPEndPoint.Parse(proxy.ToString()));
        var stream = client.GetStream();
        var answer = new byte[2];
        await stream.WriteAsync((byte[])[5, 1, 2]);
        await stream.ReadExactlyAsync(answer);
        Assert.Equal([5, 2], answer);
        await stream.WriteAsync((byte[])[1, (byte)user.Length, .. System.Text.Encoding.UTF8.GetBytes(user), 1, (byte)'x']);
        await stream.ReadExactlyAsync(answer);
        Assert.Equal([1, 0], answer);
        await stream.WriteAsync(site is null
            ? [5, 1, 0, 1, 198, 51, 100, 1, 0, 80]
            : (byte[])[5, 1, 0, 3, (byte)site.Length, .. System.Text.Encoding.ASCII.GetBytes(site), 0, 80]);
        return client;
    }

    /// <summary>The proxy closes the connection, after a reply or without one.</summary>
    static async Task EndsAsync(TcpClient client)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        var buffer = new byte[64];
        try
        {
            while (await client.GetStream().ReadAsync(buffer, patience.Token) > 0)
            {
            }
        }
        catch (IOException)
        {
            // By a reset.
        }
    }

    static async Task<bool> ListensAsync(Endpoint endpoint)
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync(IPEndPoint.Parse(endpoint.ToString()));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    static async Task EventuallyAsync(Func<Task<bool>> condition)
    {
        using var ticks = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        for (var i = 0; !await condition(); i++)
        {
            Assert.True(i < 500, "It did not come to that.");
            await ticks.WaitForNextTickAsync();
        }
    }
}
