using System.Net;
using System.Net.Sockets;
using Macro.Api;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Microsoft.Extensions.DependencyInjection;

namespace Macro.Daemon.Tests;

/// <summary>
/// Whole nodes in this process, on loopback addresses and without any rights: three relays, one of them an exit, and
/// a client that is not connected.
/// </summary>
sealed class LoopbackNetwork : IAsyncDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("macro").FullName;
    readonly List<NodeHost> _hosts = [];
    readonly List<NodeClient> _apis = [];
    readonly Dictionary<string, NodeHost> _named = [];
    bool _findsItself;

    public ushort Port { get; } = FreePort(SocketType.Dgram);

    public NodeClient Client { get; private set; } = null!;

    /// <summary>What the client wrote: the whole of a file of its data folder.</summary>
    public Task<string> ReadAsync(string name) => File.ReadAllTextAsync(Path.Combine(_folder, "client", name));

    /// <summary>Descriptors of all relays, as directory files.</summary>
    public List<DirectoryText> Directories { get; } = [];

    /// <param name="regions">Of the exits, beginning with that of the last relay; default: there is one, of no region.</param>
    public static async Task<LoopbackNetwork> StartAsync(
        ClientSection? client = null, Wishes? wanted = null, ExitSection? exit = null, bool introduce = true, params string[] regions)
    {
        var network = new LoopbackNetwork();
        for (var i = 1; i <= 3; i++)
        {
            var isExit = i > 3 - Math.Max(1, regions.Length);
            var relay = await network.AddAsync(
                $"relay{i}", $"127.{100 + i}.0.1",
                new RelaySection { Enabled = true, Region = isExit ? regions.ElementAtOrDefault(3 - i) ?? "ZZ" : "ZZ" },
                exit: isExit ? exit ?? new ExitSection { Enabled = true, Mode = ExitMode.User } : null);
            network.Directories.Add(await relay.ExportNetworkAsync());
        }
        network.Client = await network.AddAsync("client", "127.120.0.1", client: client, wanted: wanted);
        if (introduce)
            await network.IntroduceAsync();
        return network;
    }

    /// <summary>A network that finds itself: made by the first relay, joined by the others and by the client.</summary>
    public static async Task<LoopbackNetwork> FindingItselfAsync()
    {
        var network = new LoopbackNetwork { _findsItself = true };
        var link = "";
        for (var i = 1; i <= 4; i++)
        {
            var relay = await network.AddAsync($"relay{i}", $"127.{100 + i}.0.1", new RelaySection { Enabled = true }, exit: i > 2 ? new ExitSection { Enabled = true, Mode = ExitMode.User } : null);
            if (i == 1)
            {
                await relay.CreateNetworkAsync(new CreateNetworkRequest { Name = "loopback" });
                link = (await relay.InviteAsync()).Link;
            }
            else
                await relay.JoinNetworkAsync(new JoinRequest { Link = link });
        }
        network.Client = await network.AddAsync("client", "127.120.0.1");
        await network.Client.JoinNetworkAsync(new JoinRequest { Link = link });
        return network;
    }

    public string DataOf(string name) => Path.Combine(_folder, name);

    /// <summary>The first relay's API.</summary>
    public NodeClient Relay => _apis[0];

    public async Task StopAsync(string name)
    {
        var host = _named[name];
        _hosts.Remove(host);
        await host.StopAsync();
        await host.DisposeAsync();
    }

    /// <summary>A client that was stopped, as it was.</summary>
    public async Task RestartClientAsync() => Client = await AddAsync("client", "127.120.0.1");

    public async Task IntroduceAsync()
    {
        foreach (var directory in Directories)
            await Client.ImportNetworkAsync(directory);
    }

    /// <summary>Waits for a state of the client, as its watchers see it.</summary>
    public async Task<Status> UntilAsync(Func<Status, bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        var last = await Client.StatusAsync(patience.Token);
        try
        {
            await foreach (var status in Client.WatchAsync(patience.Token))
                if (condition(last = status))
                    return status;
        }
        catch (OperationCanceledException)
        {
        }
        throw new InvalidOperationException($"It did not come to that: {last}");
    }

    /// <summary>A port that nobody has at the moment.</summary>
    public static ushort FreePort(SocketType type)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, type, type == SocketType.Dgram ? ProtocolType.Udp : ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return (ushort)((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var api in _apis)
            api.Dispose();
        foreach (var host in _hosts)
        {
            await host.StopAsync();
            await host.DisposeAsync();
        }
        Directory.Delete(_folder, recursive: true);
    }

    async Task<NodeClient> AddAsync(
        string name, string address, RelaySection? relay = null, ExitSection? exit = null, ClientSection? client = null, Wishes? wanted = null)
    {
        var settings = new NodeSettings
        {
            Node = new NodeSection
            {
                Bind = IpAddress.Parse(address),
                UdpPort = Port,
                Pumps = 1,
                DataDirectory = Path.Combine(_folder, name),
                ApiSocket = Path.Combine(_folder, name + ".sock"),
                LogLevel = Microsoft.Extensions.Logging.LogLevel.Error,
            },
            Client = client ?? new ClientSection { Tunnel = TunnelMode.None, Proxy = null, Dns = null },
            Relay = relay is null ? new RelaySection() : relay with { Endpoints = [new Endpoint(IpAddress.Parse(address), Port)] },
            Exit = exit ?? new ExitSection(),
            Network = _findsItself
                ? new NetworkSection { Name = "loopback", Local = true, Bootstrap = [$"127.101.0.1:{Port}"] }
                : new NetworkSection { Name = "loopback", Static = true },
        };
        var host = new NodeHost(settings, services => ActivatorUtilities.CreateInstance<EngineControl>(services));
        if (wanted is not null)
            host.Services.GetRequiredService<Storage.DesiredStateFile>().Change(_ => wanted);
        await host.StartAsync();
        _hosts.Add(host);
        _named[name] = host;
        var api = new NodeClient(settings.Node.ApiSocket);
        _apis.Add(api);
        return api;
    }
}
