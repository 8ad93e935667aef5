using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Linux;
using Macro.Pump;
using Macro.UserMode;

namespace Macro.Daemon.Devices;

/// <summary>
/// What the client opens on this machine while a connection is wanted: the TUN device with routes and kill switch where it
/// may, the proxy and the resolver. It stands before the first circuit does, and whenever one is lost; what comes in then
/// goes nowhere. One call at a time.
/// </summary>
sealed class ClientSide(NodeSettings settings, NodeThreads threads, CircuitEnds ends, uint mark) : IDisposable
{
    ClientDevice? _device;
    PumpThread? _pump;
    ClientResolver? _resolver;
    ProxyServer? _proxy;

    /// <summary>The machine's own traffic is to go through the circuit, and not only what the proxy takes.</summary>
    public static bool UsesTun(NodeSettings settings) => settings.Client.Tunnel switch
    {
        // Who wants nothing to leave beside the circuit would rather hear that it can't be prevented.
        TunnelMode.Auto => settings.Client.KillSwitch || (Machine.MayConfigureNetworks && Machine.HasTun),
        TunnelMode.Tun => true,
        TunnelMode.None => false,
    };

    public TunDevice? Tun => _device?.Tun;

    /// <summary>Nothing leaves the machine beside the circuit.</summary>
    public bool IsGuarded => _device is not null && settings.Client.KillSwitch;

    public Endpoint? Proxy => _proxy is { Endpoints: [var first, ..] } ? first : null;

    public Endpoint? Resolver => _resolver is { Endpoints: [var first, ..] } ? first : null;

    /// <summary>What could not be opened, and can be done without.</summary>
    public Problem? Missing { get; private set; }

    /// <param name="exitDevice">Name of this node's exit device; null when there is none.</param>
    /// <exception cref="LinuxException">Something that the client cannot do without could not be opened; what is there stays for the next attempt.</exception>
    public void Open(string? exitDevice)
    {
        if (_device is null && UsesTun(settings))
        {
            _device = ClientDevice.Open(settings.Client, mark, exitDevice);
            _pump = threads.Attach(_device.Tun);
        }
        Missing = null;
        try
        {
            OpenDoors();
        }
        catch (LinuxException e) when (_device is not null)
        {
            // The tunnel serves everybody; that another program holds the proxy's port must not cost it.
            Missing = new Problem { Code = ProblemCodes.NotPermitted, Message = $"Proxy or resolver is missing: {e.Message}", Remedy = "Choose other ports with client.proxy and client.dns, or \"off\"." };
        }
    }

    /// <summary>Takes all of it back. Connections of the proxy end.</summary>
    public void Close()
    {
        _proxy?.Dispose();
        _resolver?.Dispose();
        _device?.Dispose();
        _pump?.Join();
        (_proxy, _resolver, _device, _pump, Missing) = (null, null, null, null, null);
    }

    public void Dispose() => Close();

    /// <summary>The proxy and the resolver. The proxy resolves too, whether the resolver has a port of its own or not.</summary>
    void OpenDoors()
    {
        _resolver ??= ClientResolver.Start(ends.Loop, ends, new ClientResolverOptions { Listen = [.. ResolverEndpoints()], Upstream = settings.Client.DnsUpstream }, SystemRandom.Shared);
        if (settings.Client.Proxy is { } endpoint)
            _proxy ??= ProxyServer.Start(ends.Loop, ends, _resolver, new ProxyOptions
            {
                Listen = [endpoint],
                Clients = settings.Client.ProxyClients,
                Exits = settings.Client.Exits,
            });
    }

    IEnumerable<Endpoint> ResolverEndpoints()
    {
        if (settings.Client.Dns is not { } endpoint)
            yield break;
        yield return endpoint;
        if (_device is null)
            yield break;
        foreach (var inside in ClientDevice.Resolvers())
            yield return inside;
    }
}
