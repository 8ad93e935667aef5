using System.Net.Sockets;
using System.Text;
using Macro.Api;
using Macro.Daemon.Hosting;
using Macro.Daemon.Http;

namespace Macro.Daemon.Tests;

public sealed class ApiTests
{
    [Fact]
    public async Task Status_is_off_at_first()
    {
        await using var node = await RunningNode.StartAsync();
        var status = await node.Client.StatusAsync();
        Assert.Equal(ConnectionState.Off, status.State);
        Assert.Equal(1, status.Version);
    }

    [Fact]
    public async Task Of_changes_that_follow_at_once_a_watcher_loses_none()
    {
        await using var node = await RunningNode.StartAsync();
        await using var watch = node.Client.WatchAsync().GetAsyncEnumerator();
        Assert.True(await watch.MoveNextAsync());
        await node.Client.UpAsync(new UpRequest { Mode = Mode.Private, ExitRegion = "ch" });

        var phases = new List<ConnectPhase>();
        do
        {
            await watch.MoveNextAsync();
            phases.Add(watch.Current.Phase);
        }
        while (watch.Current.State != ConnectionState.Active);

        Assert.Equal(Enum.GetValues<ConnectPhase>().Skip(1), phases);
        Assert.Equal((3, "CH"), (watch.Current.Hops, watch.Current.ExitRegion));
    }

    [Fact]
    public async Task A_problem_arrives_as_it_was_told()
    {
        await using var node = await RunningNode.StartAsync();
        var error = await Assert.ThrowsAsync<NodeException>(() => node.Client.UpAsync(new UpRequest { ExitRegion = "XX" }));
        Assert.Equal((ProblemCodes.NoExitInRegion, "Use another region, or any."), (error.Problem.Code, error.Problem.Remedy));
        var unclear = await Assert.ThrowsAsync<NodeException>(() => node.Client.UpAsync(new UpRequest { ExitRegion = "nowhere" }));
        Assert.Equal(ProblemCodes.BadRequest, unclear.Problem.Code);
    }

    [Fact]
    public async Task A_fault_of_the_node_tells_nothing_of_its_inside()
    {
        await using var node = await RunningNode.StartAsync();
        var error = await Assert.ThrowsAsync<NodeException>(() => node.Client.UpAsync(new UpRequest { ExitRegion = "YY" }));
        Assert.Equal((ProblemCodes.Internal, Problem.ReportRemedy), (error.Problem.Code, error.Problem.Remedy));
        Assert.DoesNotContain("203.0.113.9", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exit_needs_consent_and_a_relay()
    {
        await using var node = await RunningNode.StartAsync();
        Assert.Equal(ProblemCodes.ConsentNeeded, await CodeOf(() => node.Client.ExitAsync(new ExitRequest { Enabled = true })));
        Assert.Equal(ProblemCodes.WrongState, await CodeOf(() => node.Client.ExitAsync(new ExitRequest { Enabled = true, Consent = true })));
        await node.Client.RelayAsync(new RelayRequest { Enabled = true });
        Assert.True((await node.Client.ExitAsync(new ExitRequest { Enabled = true, Consent = true })).Exit.Running);
        Assert.Equal(ProblemCodes.WrongState, await CodeOf(() => node.Client.RelayAsync(new RelayRequest { Enabled = false })));
    }

    [Fact]
    public async Task What_was_wanted_is_wanted_again_after_a_restart()
    {
        var first = await RunningNode.StartAsync();
        await first.Client.RelayAsync(new RelayRequest { Enabled = true });
        await first.Client.UpAsync(new UpRequest { Mode = Mode.Speed, ExitRegion = "CH" });
        var folder = await first.StopAsync();

        await using var second = await RunningNode.StartAsync(folder: folder);
        Assert.Equal(new DesiredState { Up = true, Mode = Mode.Speed, ExitRegion = "CH", Relay = true }, second.Control.Started);
    }

    [Fact]
    public async Task The_circuit_names_its_hops()
    {
        await using var node = await RunningNode.StartAsync();
        var hop = Assert.Single((await node.Client.CircuitAsync()).Hops);
        Assert.Equal((HopRole.Exit, "CH", 12.5, HopHealth.Good), (hop.Role, hop.Region, hop.RttMs, hop.Health));
    }

    [Fact]
    public async Task A_directory_file_travels_from_one_node_to_another()
    {
        await using var relay = await RunningNode.StartAsync();
        await using var client = await RunningNode.StartAsync();
        await relay.Client.RelayAsync(new RelayRequest { Enabled = true });
        var file = await relay.Client.ExportNetworkAsync();

        var imported = await client.Client.ImportNetworkAsync(file);
        var again = await client.Client.ImportNetworkAsync(file);

        Assert.Equal((1, 0, 1), (imported.Added, imported.Refused.Count, again.Known));
        var known = Assert.Single((await client.Client.NetworkAsync()).Relays);
        Assert.Equal(((await relay.Client.KeysAsync()).NodeId, "10.77.0.1:51900", true), (known.NodeId, known.Endpoints[0], known.Relay));
    }

    [Fact]
    public async Task A_file_of_another_network_is_refused()
    {
        await using var node = await RunningNode.StartAsync();
        Assert.Equal(ProblemCodes.BadDirectory, await CodeOf(() => node.Client.ImportNetworkAsync(new DirectoryText { Text = "macro-directory 1 other\n" })));
        Assert.Equal(ProblemCodes.BadDirectory, await CodeOf(() => node.Client.ImportNetworkAsync(new DirectoryText { Text = "<html>" })));
    }

    [Fact]
    public async Task Keys_rotate_and_come_back_from_a_backup()
    {
        var node = await RunningNode.StartAsync();
        var before = await node.Client.KeysAsync();
        var backup = await node.Client.BackupKeysAsync(new BackupRequest { Passphrase = "correct horse" });
        var rotated = await node.Client.RotateKeysAsync();
        Assert.Equal((before.NextRelayKey, before.RelayKey), (rotated.RelayKey, rotated.PreviousRelayKey));

        Assert.Equal(ProblemCodes.KeyStore, await CodeOf(() => node.Client.RestoreKeysAsync(new RestoreRequest { File = backup.File, Passphrase = "wrong horse" })));
        await node.Client.RestoreKeysAsync(new RestoreRequest { File = backup.File, Passphrase = "correct horse" });
        Assert.Equal(ProblemCodes.WrongState, await CodeOf(() => node.Client.RotateKeysAsync()));

        await using var again = await RunningNode.StartAsync(folder: await node.StopAsync());
        Assert.Equal((before.NodeId, before.RelayKey), ((await again.Client.KeysAsync()).NodeId, (await again.Client.KeysAsync()).RelayKey));
    }

    [Fact]
    public async Task Only_the_owner_may_use_socket_and_folders()
    {
        await using var node = await RunningNode.StartAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(node.Client.SocketPath));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(Path.GetDirectoryName(node.Client.SocketPath)!));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(node.Data));
        Assert.All(Directory.GetFiles(node.Data), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    [Fact]
    public async Task A_folder_that_others_may_enter_will_do_only_where_it_was_named()
    {
        const UnixFileMode everybody = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        var folder = Directory.CreateTempSubdirectory("macro").FullName;
        var run = Directory.CreateDirectory(Path.Combine(folder, "run")).FullName;
        File.SetUnixFileMode(run, everybody);
        await using var node = await RunningNode.StartAsync(folder: folder);
        Assert.Equal(everybody, File.GetUnixFileMode(run));

        var refused = Assert.Throws<NodeException>(() => ApiServer.RequireOwn(run));
        Assert.Equal(ProblemCodes.NotPermitted, refused.Problem.Code);
        Assert.Contains("chmod 700", refused.Problem.Remedy, StringComparison.Ordinal);
        ApiServer.RequireOwn(node.Data);
    }

    [Fact]
    public async Task A_second_node_on_the_same_socket_is_refused_and_a_dead_one_replaced()
    {
        var node = await RunningNode.StartAsync();
        var error = await Assert.ThrowsAsync<NodeException>(() => RunningNode.StartAsync(folder: node.Folder));
        Assert.Equal(ProblemCodes.WrongState, error.Problem.Code);

        var folder = await node.StopAsync();
        var socket = Path.Combine(folder, "run", "api.sock");
        using var dead = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        dead.Bind(new UnixDomainSocketEndPoint(socket));
        Assert.True(File.Exists(socket));
        await using var next = await RunningNode.StartAsync(folder: folder);
        Assert.Equal(ConnectionState.Off, (await next.Client.StatusAsync()).State);
    }

    [Fact]
    public async Task A_file_that_is_no_socket_is_never_removed()
    {
        var folder = Directory.CreateTempSubdirectory("macro").FullName;
        Directory.CreateDirectory(Path.Combine(folder, "run"));
        await File.WriteAllTextAsync(Path.Combine(folder, "run", "api.sock"), "precious");
        await Assert.ThrowsAsync<NodeException>(() => RunningNode.StartAsync(folder: folder));
        Assert.Equal("precious", await File.ReadAllTextAsync(Path.Combine(folder, "run", "api.sock")));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_stopping_node_ends_its_watches()
    {
        var node = await RunningNode.StartAsync();
        using var client = new NodeClient(node.Client.SocketPath);
        await using var watch = client.WatchAsync().GetAsyncEnumerator();
        await watch.MoveNextAsync();
        Directory.Delete(await node.StopAsync(), recursive: true);
        Assert.False(await watch.MoveNextAsync());
        Assert.Equal(ProblemCodes.NotRunning, await CodeOf(() => client.StatusAsync()));
    }

    [Theory]
    [InlineData("GET /v1/nothing HTTP/1.1\r\nHost: n\r\n\r\n", "404", "not-found")]
    [InlineData("GET /v1/up HTTP/1.1\r\nHost: n\r\n\r\n", "405", "not-found")]
    [InlineData("POST /v1/up HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{x}", "400", "bad-request")]
    [InlineData("POST /v1/up HTTP/1.1\r\nHost: n\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"mode\":7}", "400", "bad-request")]
    public async Task What_is_not_understood_is_answered_with_a_problem(string request, string status, string code)
    {
        await using var node = await RunningNode.StartAsync();
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(node.Client.SocketPath));
        await socket.SendAsync(Encoding.ASCII.GetBytes(request.Replace("Host: n\r\n", "Host: n\r\nConnection: close\r\n", StringComparison.Ordinal)));
        using var reader = new StreamReader(new NetworkStream(socket));
        var answer = await reader.ReadToEndAsync();
        Assert.StartsWith("HTTP/1.1 " + status, answer, StringComparison.Ordinal);
        Assert.Contains($"\"version\":1,\"code\":\"{code}\"", answer, StringComparison.Ordinal);
    }

    static async Task<string> CodeOf(Func<Task> operation) => (await Assert.ThrowsAsync<NodeException>(operation)).Problem.Code;
}
