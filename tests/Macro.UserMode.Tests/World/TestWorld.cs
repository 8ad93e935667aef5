using System.Net;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;
using Macro.Simulation;

namespace Macro.UserMode.Tests;

/// <summary>
/// A proxy, a circuit for each isolation key that is asked for, and an exit: two stacks with two loops, joined by pump
/// threads; the clients and servers at both ends are real sockets.
/// </summary>
sealed class TestWorld : ICircuitEnds, INameResolver, IDisposable
{
    internal static readonly IpAddress InnerV4 = IpAddress.Parse("100.64.0.2");
    internal static readonly IpAddress InnerV6 = IpAddress.Parse("fd6d:6163:726f::2");

    readonly BootClock _clock = new();
    readonly List<Wire> _wires = [];
    readonly Dictionary<IsolationKey, Circuit> _circuits = [];
    readonly TcpOptions _tcp;

    internal TestWorld(ProxyOptions? options = null, long budget = 256 << 20, int window = 8 << 20)
    {
        _tcp = new TcpOptions { MaxReceiveBuffer = window, MaxSendBuffer = window };
        Client = new StackLoop("client loop", _clock, new TcpMemory(budget));
        Exit = new StackLoop("exit loop", _clock, new TcpMemory(budget));
        Client.Start();
        Exit.Start();
        Proxy = ProxyServer.Start(Client, this, this, (options ?? new ProxyOptions()) with
        {
            Listen = options?.Listen is { Count: > 0 } listen && listen[0].Port == 0 ? listen : [new Endpoint(IpAddress.V4Loopback, 0)],
        });
    }

    internal StackLoop Client { get; }

    internal StackLoop Exit { get; }

    internal ProxyServer Proxy { get; }

    internal ushort Port => Proxy.Endpoints[0].Port;

    /// <summary>The names that were asked for, with the keys that asked.</summary>
    internal List<(IsolationKey Key, string Name)> Asked { get; } = [];

    /// <summary>What names resolve to; others are not found.</summary>
    internal Dictionary<string, IpAddress[]> Names { get; } = new(StringComparer.Ordinal)
    {
        ["web.example"] = [IpAddress.Parse("198.51.100.7"), IpAddress.Parse("2001:db8::7")],
        ["v4.example"] = [IpAddress.Parse("198.51.100.7")],
        ["v6.example"] = [IpAddress.Parse("2001:db8::7")],
    };

    /// <summary>When set, there is no circuit for anybody.</summary>
    internal CircuitRefusal Refusal { get; set; }

    /// <summary>For this key there is no exit.</summary>
    internal IsolationKey? Refused { get; set; }

    /// <summary>When set, a circuit is asked for and never comes.</summary>
    internal bool Stalls { get; set; }

    internal Circuit Of(string user, string? exits = null) => _circuits[IsolationKey.Named(user) with { ExitRegion = exits }];

    internal int CircuitCount => _circuits.Count;

    internal sealed record Circuit(HostedStack Client, HostedStack ExitStack, TestExit Exit, Wire Up, Wire Down);

    void ICircuitEnds.Open(IsolationKey key, ICircuitWaiter waiter)
    {
        if (Stalls)
            return;
        if (Refusal != CircuitRefusal.None || key == Refused)
        {
            waiter.HandleCircuit(null, key == Refused ? CircuitRefusal.Failed : Refusal);
            return;
        }
        if (!_circuits.TryGetValue(key, out var circuit) || circuit.Client.IsClosed)
            circuit = _circuits[key] = Build();
        waiter.HandleCircuit(circuit.Client, CircuitRefusal.None);
    }

    /// <summary>Makes sure that there is a circuit for the default key before anything is asked for.</summary>
    internal Circuit Prepare()
    {
        Client.Enter(() => _circuits.TryAdd(IsolationKey.Shared, Build()));
        return _circuits[IsolationKey.Shared];
    }

    void INameResolver.Resolve(HostedStack stack, IsolationKey key, string name, INameWaiter waiter)
    {
        Asked.Add((key, name));
        // Later, as a real one: nobody may rely on the answer coming at once.
        Client.Post(() =>
        {
            if (Names.TryGetValue(name, out var addresses))
                waiter.HandleName(NameVerdict.Found, addresses);
            else
                waiter.HandleName(NameVerdict.NotFound, []);
        });
    }

    public void Dispose()
    {
        Proxy.Dispose();
        Client.Dispose();
        Exit.Dispose();
        foreach (var wire in _wires)
            wire.Dispose();
    }

    Circuit Build()
    {
        Wire up = new("up"), down = new("down");
        _wires.AddRange([up, down]);
        var seed = (ulong)_wires.Count;
        var client = Client.Add(
            new Stack(new StackOptions { Addresses = [InnerV4, InnerV6], Tcp = _tcp }, Client.Memory, new SeededRandom(seed)),
            up.Send, headroom: 100, tailroom: 100);
        var exit = Exit.Add(new Stack(new StackOptions { Tcp = _tcp }, Exit.Memory, new SeededRandom(seed + 1)), down.Send, headroom: 16, tailroom: 31);
        var outside = new TestExit(exit);
        // The exit's lock is never taken under the client's but here, and never the other way round.
        Exit.Enter(outside.Begin);
        up.Start(exit);
        down.Start(client);
        return new Circuit(client, exit, outside, up, down);
    }

    /// <summary>Waits for a state that two threads bring about; fails when it does not come.</summary>
    internal static void Eventually(Func<bool> state, string what) =>
        Assert.True(SpinWait.SpinUntil(state, TimeSpan.FromSeconds(20)), $"{what} did not come about");

    /// <summary>A connected client of the proxy.</summary>
    internal TcpClient Connect()
    {
        var client = new TcpClient { NoDelay = true, ReceiveTimeout = 20_000, SendTimeout = 20_000 };
        client.Connect(IPAddress.Loopback, Port);
        return client;
    }
}
