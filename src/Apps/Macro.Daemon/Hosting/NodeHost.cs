using System.Text.Json.Serialization;
using Macro.Api;
using Macro.Core;
using Macro.Daemon.Http;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Linux;
using Microsoft.Extensions.Hosting.Systemd;

namespace Macro.Daemon.Hosting;

/// <summary>Puts the node together: storage, engine, API. The order of start and stop stands in <see cref="RunAsync"/>.</summary>
public sealed class NodeHost : IAsyncDisposable
{
    /// <summary>A node that was told to end takes leave of its router before it lets go of the folder.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    readonly WebApplication _app;
    readonly INodeControl _control;
    readonly string _socket;
    readonly IDisposable _folderLock;

    /// <param name="settings">With the command line already laid over the file.</param>
    /// <param name="control">Makes the node from the services that are there by then.</param>
    /// <exception cref="NodeException">Socket or data folder cannot be used.</exception>
    public NodeHost(NodeSettings settings, Func<IServiceProvider, INodeControl> control)
    {
        _socket = settings.Node.ApiSocket;
        ApiServer.Prepare(_socket);

        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.ClearProviders();
        builder.Logging.AddProvider(new PlainLog(settings.Node.LogLevel));
        builder.Logging.SetMinimumLevel(settings.Node.LogLevel);
        // Request lines and connection ids are nobody's business, at any level.
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
        builder.Services.AddSystemd();
        builder.Services.Configure<HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(10));
        builder.Services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            o.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        });
        builder.WebHost.ConfigureKestrel(o =>
        {
            o.AddServerHeader = false;
            o.Limits.MaxRequestBodySize = 32 << 20;
            o.ListenUnixSocket(_socket);
        });
        builder.Services.AddSingleton(settings);
        builder.Services.AddSingleton(OpenFolder(settings.Node.DataDirectory, out _folderLock));
        // Again: the node that had the folder until now may have taken the socket's away.
        ApiServer.Prepare(_socket);
        builder.Services.AddSingleton(new WallClock(TimeProvider.System));
        builder.Services.AddSingleton<IRandom>(SystemRandom.Shared);
        builder.Services.AddSingleton<DesiredStateFile>();
        builder.Services.AddSingleton<KeyRing>();
        builder.Services.AddSingleton<CurrentNetwork>();
        builder.Services.AddSingleton<RelayCache>();
        builder.Services.AddSingleton<NetworkDirectory>();
        builder.Services.AddSingleton<NetworkEntrance>();
        builder.Services.AddSingleton<OwnDescriptor>();
        builder.Services.AddSingleton<SealedFolder>();
        builder.Services.AddSingleton<PeerMemory>();
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<RelayAllowance>();
        builder.Services.AddHostedService<KeyRotation>();
        builder.Services.AddSingleton(control);

        _app = builder.Build();
        ApiServer.Map(_app);
        // What cannot be opened must show now, and not at the first request.
        _ = _app.Services.GetRequiredService<KeyRing>();
        _ = _app.Services.GetRequiredService<NetworkDirectory>();
        _control = _app.Services.GetRequiredService<INodeControl>();
        // Watchers hold their connections open; without this the server would wait for them.
        _app.Lifetime.ApplicationStopping.Register(_control.Status.Close);
    }

    public IServiceProvider Services => _app.Services;

    /// <summary>Engine, then API. Systemd hears of it (sd_notify READY=1) when both are there.</summary>
    public async Task StartAsync(CancellationToken cancel = default)
    {
        await _control.StartAsync(Services.GetRequiredService<DesiredStateFile>().Current, cancel);
        await _app.StartAsync(cancel);
        ApiServer.Protect(_socket);
    }

    /// <summary>API, then engine: nobody can switch on what is being switched off.</summary>
    public async Task StopAsync(CancellationToken cancel = default)
    {
        await _app.StopAsync(cancel);
        await _control.StopAsync(cancel);
        ApiServer.Remove(_socket);
    }

    /// <summary>Runs until SIGTERM, SIGINT or <see cref="ApiPaths.Stop"/>.</summary>
    public async Task RunAsync()
    {
        await StartAsync();
        await _app.WaitForShutdownAsync();
        await StopAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _folderLock.Dispose();
    }

    static DataFolder OpenFolder(string path, out IDisposable held)
    {
        DataFolder folder;
        try
        {
            folder = new DataFolder(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new NodeException(
                ProblemCodes.NotPermitted, $"The data folder {path} cannot be used ({e.Message.TrimEnd('.')}).", "Name another with --data or node.data_directory.", e);
        }
        IDisposable? taken = null;
        if (!SpinWait.SpinUntil(() => folder.TryLock(out taken), s_patience))
            throw new NodeException(
                ProblemCodes.WrongState, $"Another node uses the data folder {path}.", "Use that one, or give this one a folder of its own with --data.");
        held = taken!;
        return folder;
    }
}
