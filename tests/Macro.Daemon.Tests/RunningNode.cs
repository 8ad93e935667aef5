using Macro.Api;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;

namespace Macro.Daemon.Tests;

/// <summary>A node with its API on a real Unix socket in a folder of its own, and a client to it.</summary>
sealed class RunningNode : IAsyncDisposable
{
    readonly NodeHost _host;

    RunningNode(string folder, NodeHost host, NodeClient client)
    {
        Folder = folder;
        _host = host;
        Client = client;
    }

    public string Folder { get; }
    public string Data => Path.Combine(Folder, "data");
    public NodeClient Client { get; }
    public FakeNodeControl Control => (FakeNodeControl)_host.Services.GetService(typeof(INodeControl))!;

    /// <summary>What the node is made of.</summary>
    public T Part<T>() where T : notnull => (T)_host.Services.GetService(typeof(T))!;

    public static async Task<RunningNode> StartAsync(NodeSettings? settings = null, string? folder = null)
    {
        folder ??= Directory.CreateTempSubdirectory("macro").FullName;
        var socket = Path.Combine(folder, "run", "api.sock");
        var all = (settings ?? Lab).With(new DaemonOptions { DataDirectory = Path.Combine(folder, "data"), ApiSocket = socket });
        var host = new NodeHost(all, _ => new FakeNodeControl());
        await host.StartAsync();
        return new RunningNode(folder, host, new NodeClient(socket));
    }

    public static NodeSettings Lab { get; } = new()
    {
        Network = new NetworkSection { Name = "lab", Static = true },
        Relay = new RelaySection { Endpoints = [Endpoint.Parse("10.77.0.1:51900")] },
    };

    /// <summary>Stops the node and keeps its folder.</summary>
    public async Task<string> StopAsync()
    {
        Client.Dispose();
        await _host.StopAsync();
        await _host.DisposeAsync();
        return Folder;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(Folder, recursive: true);
    }
}
