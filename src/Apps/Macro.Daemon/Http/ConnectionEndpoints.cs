using System.Reflection;
using System.Text.Json;
using Macro.Api;
using Macro.Circuits;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Microsoft.AspNetCore.Http.Features;

namespace Macro.Daemon.Http;

/// <summary>The operations on the running node: connection, relay, exit, and its end.</summary>
static class ConnectionEndpoints
{
    static readonly string ProgramVersion =
        typeof(ConnectionEndpoints).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "0";

    public static void Map(WebApplication app)
    {
        app.MapGet(ApiPaths.Version, () => new VersionAnswer { Program = ProgramVersion, Protocol = 1 });
        app.MapGet(ApiPaths.Status, (INodeControl node) => node.Status.Current);
        app.MapGet(ApiPaths.StatusStream, StreamAsync);
        app.MapGet(ApiPaths.Doctor, (INodeControl node, CancellationToken cancel) => node.ExamineAsync(cancel));
        app.MapGet(ApiPaths.Netcheck, (INodeControl node, CancellationToken cancel) => node.NetcheckAsync(cancel));
        app.MapGet(ApiPaths.Circuit, (INodeControl node, CancellationToken cancel) => node.CircuitAsync(cancel));
        app.MapGet(ApiPaths.CircuitWhy, (INodeControl node, CancellationToken cancel) => node.CircuitWhyAsync(cancel));
        app.MapGet(ApiPaths.PeersBlocked, (INodeControl node, CancellationToken cancel) => node.BlockedAsync(cancel));
        app.MapPost(ApiPaths.PeersBlock, (BlockRequest request, INodeControl node, CancellationToken cancel) => node.BlockAsync(request.Rule, true, cancel));
        app.MapPost(ApiPaths.PeersUnblock, (BlockRequest request, INodeControl node, CancellationToken cancel) => node.BlockAsync(request.Rule, false, cancel));
        app.MapGet(ApiPaths.Proxy, (INodeControl node) => Proxy(node.Status.Current));
        app.MapPost(ApiPaths.Up, UpAsync);
        app.MapPost(ApiPaths.Down, DownAsync);
        app.MapPost(ApiPaths.Stop, StopAsync);
        app.MapPost(ApiPaths.Relay, RelayAsync);
        app.MapPost(ApiPaths.Exit, ExitAsync);
    }

    static async Task<Status> UpAsync(
        UpRequest request, INodeControl node, NodeSettings settings, DesiredStateFile desired, CancellationToken cancel)
    {
        var mode = request.Mode ?? settings.Client.Mode;
        var region = Region(request.ExitRegion) ?? (request.ExitRegion is null ? settings.Client.ExitRegion : null);
        var status = await node.UpAsync(mode, region, cancel);
        desired.Change(d => d with { Up = true, Mode = request.Mode, ExitRegion = request.ExitRegion is null ? null : region ?? ExitRegions.Any });
        return status;
    }

    static async Task<Status> DownAsync(INodeControl node, DesiredStateFile desired, CancellationToken cancel)
    {
        // First the wish: a node that dies while it tears down must not come up again.
        desired.Change(d => d with { Up = false });
        return await node.DownAsync(cancel);
    }

    /// <summary>The answer goes first, then the node; it ends also when the client hangs up.</summary>
    static async Task<StopAnswer> StopAsync(HttpContext context, INodeControl node, DesiredStateFile desired, IHostApplicationLifetime lifetime)
    {
        context.Response.OnCompleted(() =>
        {
            lifetime.StopApplication();
            return Task.CompletedTask;
        });
        await DownAsync(node, desired, CancellationToken.None);
        return new StopAnswer { Running = true };
    }

    static async Task<Status> RelayAsync(RelayRequest request, INodeControl node, DesiredStateFile desired, CancellationToken cancel)
    {
        if (!request.Enabled && desired.Current.Exit)
            throw new NodeException(ProblemCodes.WrongState, "This node is an exit, and an exit is a relay.", "Run 'macrovpn exit off' first.");
        var status = await node.SetRelayAsync(request.Enabled, cancel);
        desired.Change(d => d with { Relay = request.Enabled });
        return status;
    }

    static async Task<Status> ExitAsync(ExitRequest request, INodeControl node, DesiredStateFile desired, CancellationToken cancel)
    {
        if (request is { Enabled: true, Consent: false })
            throw new NodeException(ProblemCodes.ConsentNeeded, "Being an exit needs your consent.", "Read the text of 'macrovpn exit on' and agree.");
        if (request.Enabled && !desired.Current.Relay)
            throw new NodeException(ProblemCodes.WrongState, "This node is no relay, and an exit is a relay.", "Run 'macrovpn relay on' first.");
        var status = await node.SetExitAsync(request.Enabled, cancel);
        desired.Change(d => d with { Exit = request.Enabled });
        return status;
    }

    static ProxyAnswer Proxy(Status status) => new()
    {
        Proxy = status.Proxy,
        Dns = status.Dns,
        Ready = status is { State: ConnectionState.Active, Proxy: not null },
    };

    /// <summary>Null for any; else regions of two capital letters in the order of preference, perhaps with "any" at the end.</summary>
    static string? Region(string? text)
    {
        if (text is null)
            return null;
        return ExitRegions.TryParse(text, out var regions)
            ? regions == ExitRegions.Any ? null : regions
            : throw new NodeException(ProblemCodes.BadRequest, $"'{text}' is not a region.", "Use two letters as in 'CH', several as in 'CH,NL,any', or 'any'.");
    }

    static async Task StreamAsync(HttpContext context, INodeControl node)
    {
        context.Response.ContentType = "application/x-ndjson";
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        await context.Response.StartAsync(context.RequestAborted);
        await foreach (var status in node.Status.WatchAsync(context.RequestAborted))
        {
            await context.Response.Body.WriteAsync(
                (byte[])[.. JsonSerializer.SerializeToUtf8Bytes(status, ApiJson.Default.Status), (byte)'\n'], context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }
}
