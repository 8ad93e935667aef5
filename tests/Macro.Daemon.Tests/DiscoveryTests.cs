using System.Net;
using Macro.Api;

namespace Macro.Daemon.Tests;

/// <summary>Real nodes over real sockets, whose network finds itself.</summary>
public sealed class DiscoveryTests
{
    [Fact]
    public async Task A_network_that_was_made_here_is_found_by_those_who_were_invited()
    {
        await using var network = await LoopbackNetwork.FindingItselfAsync();
        await ConnectAsync(network);

        var status = await network.Client.NetworkStatusAsync();
        Assert.Equal(("loopback", NetworkKind.Private), (status.Name, status.Kind));
        // On a machine that is busy the invite's time may be over before its relays have answered.
        Assert.Contains(status.FoundBy, new SearchSource?[] { SearchSource.Invite, SearchSource.Dht });
        Assert.NotNull(status.FirstCircuitMs);
        Assert.Null(status.Searching);
        var peers = (await network.Client.PeersAsync()).Peers;
        Assert.InRange(peers.Count, 3, 4);
        Assert.All(peers, peer => Assert.Equal(LastSeen.Now, peer.LastSeen));
        Assert.Contains((await network.Relay.PeersAsync()).Peers, peer => peer.Verified == PeerVerification.Self);
    }

    [Fact]
    public async Task The_disk_of_a_client_names_no_relay_and_the_next_start_needs_no_invite()
    {
        await using var network = await LoopbackNetwork.FindingItselfAsync();
        await ConnectAsync(network);
        await network.StopAsync("client");

        var data = network.DataOf("client");
        Assert.Equal(["desired.json", "guards", "keystore", "keystore.key", "lock", "relays"], Directory.GetFiles(data).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        foreach (var file in Directory.GetFiles(data))
        {
            Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(file));
            var bytes = await File.ReadAllBytesAsync(file);
            for (var i = 1; i <= 4; i++)
            {
                byte[] endpoint = [.. IPAddress.Parse($"127.{100 + i}.0.1").GetAddressBytes(), (byte)(network.Port >> 8), (byte)network.Port];
                Assert.Equal(-1, bytes.AsSpan().IndexOf(endpoint));
                Assert.Equal(-1, bytes.AsSpan().IndexOf(System.Text.Encoding.ASCII.GetBytes($"127.{100 + i}.0.1")));
            }
        }

        await network.RestartClientAsync();
        await ConnectAsync(network);
        Assert.Equal(SearchSource.Cache, (await network.Client.NetworkStatusAsync()).FoundBy ?? SearchSource.Cache);
    }

    [Fact]
    public async Task A_watcher_sees_every_phase_of_a_connection_in_order()
    {
        await using var network = await LoopbackNetwork.FindingItselfAsync();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await using var watch = network.Client.WatchAsync(patience.Token).GetAsyncEnumerator(patience.Token);
        Assert.True(await watch.MoveNextAsync());
        Assert.Equal((ConnectionState.Off, ConnectPhase.None), (watch.Current.State, watch.Current.Phase));
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Private }, patience.Token);

        var phases = new List<ConnectPhase>();
        while (watch.Current.State != ConnectionState.Active)
        {
            Assert.True(await watch.MoveNextAsync());
            if (phases.Count == 0 || phases[^1] != watch.Current.Phase)
                phases.Add(watch.Current.Phase);
        }

        Assert.Equal(ConnectPhase.FindingRelays, phases[0]);
        // On a machine that is busy the first attempt may be given up; and the proxy mostly stands before the circuit does.
        Assert.Equal(
            [ConnectPhase.ReachingEntry, ConnectPhase.ExtendingToMiddle, ConnectPhase.ExtendingToExit, ConnectPhase.OpeningExit, ConnectPhase.Ready],
            phases.Skip(phases.LastIndexOf(ConnectPhase.ReachingEntry)).Where(phase => phase != ConnectPhase.ConfiguringDevice));
    }

    [Fact]
    public async Task Networks_are_made_and_joined_and_left()
    {
        await using var one = await RunningNode.StartAsync(Local);
        await using var other = await RunningNode.StartAsync(Local);
        Assert.Equal(ProblemCodes.WrongState, await CodeOf(() => one.Client.InviteAsync()));

        Assert.Equal("home", (await one.Client.CreateNetworkAsync(new CreateNetworkRequest { Name = "home" })).Network);
        var invite = await one.Client.InviteAsync();
        Assert.Equal(("home", 1), (invite.Network, invite.Relays));
        Assert.Equal("home", (await other.Client.JoinNetworkAsync(new JoinRequest { Link = invite.Link })).Network);
        Assert.Equal(invite.Link, (await other.Client.InviteAsync()).Link);

        Assert.Equal(ProblemCodes.BadInvite, await CodeOf(() => other.Client.JoinNetworkAsync(new JoinRequest { Link = invite.Link[..^3] })));
        Assert.Equal(ProblemCodes.BadRequest, await CodeOf(() => other.Client.CreateNetworkAsync(new CreateNetworkRequest { Name = new string('n', 65) })));
        Assert.Equal("lab", (await other.Client.LeaveNetworkAsync()).Network);
        Assert.Equal(ProblemCodes.WrongState, await CodeOf(() => other.Client.InviteAsync()));
    }

    [Fact]
    public async Task What_was_joined_is_known_at_the_next_start_and_the_disk_does_not_tell()
    {
        var node = await RunningNode.StartAsync(Local);
        await node.Client.CreateNetworkAsync(new CreateNetworkRequest { Name = "the friends of Bernard" });
        var link = (await node.Client.InviteAsync()).Link;
        var folder = await node.StopAsync();
        Assert.All(Directory.GetFiles(Path.Combine(folder, "data")), file => Assert.DoesNotContain("Bernard", File.ReadAllText(file), StringComparison.Ordinal));

        await using var again = await RunningNode.StartAsync(Local, folder);
        Assert.Equal(link, (await again.Client.InviteAsync()).Link);
    }

    static Settings.NodeSettings Local { get; } = new() { Network = new Settings.NetworkSection { Name = "lab", Local = true } };

    static async Task ConnectAsync(LoopbackNetwork network)
    {
        await network.Client.UpAsync(new UpRequest { Mode = Mode.Private });
        await network.UntilAsync(s => s.State == ConnectionState.Active);
    }

    static async Task<string> CodeOf(Func<Task> action) => (await Assert.ThrowsAsync<NodeException>(action)).Problem.Code;
}
