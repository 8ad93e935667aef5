using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Linux;
using Macro.NetStack;
using Macro.NetStack.Dns;

namespace Macro.UserMode.Tests.Resolver;

/// <summary>
/// The client's resolver and an exit's, joined by a circuit that is a queue:
/// <c>program - ClientResolver - stack === stack - ExitNameServer - UpstreamServer</c>
/// </summary>
sealed class ResolverRig : ICircuitEnds, IDisposable
{
    static readonly IpAddress s_client = IpAddress.Parse("100.64.0.2");
    static readonly IpAddress s_exit = IpAddress.Parse("100.64.0.53");

    readonly List<object> _sessions = [];
    readonly HostedStack _exitStack;
    readonly List<HostedStack> _clientStacks = [];

    public ResolverRig(Func<byte[], bool, byte[]?>? answer = null, Func<ExitNameServerOptions, ExitNameServerOptions>? exit = null, ClientResolverOptions? client = null)
    {
        Upstream = new UpstreamServer(answer ?? UpstreamServer.Default);
        Loop = new StackLoop("test", new BootClock(), new TcpMemory(64 << 20));
        Loop.Start();
        _exitStack = Host(s_exit, packets => Deliver(packets, toExit: false));
        _sessions.Add(new object());
        var options = new ExitNameServerOptions { Upstreams = [Upstream.Endpoint], Listen = [new Endpoint(s_exit, 53)] };
        Exit = ExitNameServer.Start(_exitStack, _ => _sessions[^1], exit?.Invoke(options) ?? options, SystemRandom.Shared);
        Client = ClientResolver.Start(Loop, this, (client ?? new()) with { Listen = [new Endpoint(IpAddress.V4Loopback, 0)] }, SystemRandom.Shared);
    }

    public StackLoop Loop { get; }
    public UpstreamServer Upstream { get; }
    public ClientResolver Client { get; }
    public ExitNameServer Exit { get; }

    /// <summary>Refuses circuits from now on.</summary>
    public CircuitRefusal Refusal { get; set; }

    /// <summary>Isolation keys for which a circuit was asked.</summary>
    public List<IsolationKey> Opened { get; } = [];

    /// <summary>Packets that went into the circuit, but for ICMP.</summary>
    public int Sent { get; private set; }

    public void BeAnotherSession() => _sessions.Add(new object());

    public void LoseCircuit()
    {
        foreach (var stack in _clientStacks)
            stack.Close();
        _clientStacks.Clear();
    }

    void ICircuitEnds.Open(IsolationKey key, ICircuitWaiter waiter)
    {
        Opened.Add(key);
        if (Refusal != CircuitRefusal.None)
        {
            waiter.HandleCircuit(null, Refusal);
            return;
        }
        var stack = Host(s_client, packets => Deliver(packets, toExit: true));
        _clientStacks.Add(stack);
        waiter.HandleCircuit(stack, CircuitRefusal.None);
    }

    /// <summary>Asks the client's resolver as a program would.</summary>
    public byte[] Ask(string name, RecordType type = RecordType.A, bool stream = false, ushort? edns = null)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, stream ? SocketType.Stream : SocketType.Dgram, stream ? ProtocolType.Tcp : ProtocolType.Udp) { ReceiveTimeout = 10_000 };
        socket.Connect(IPAddress.Loopback, Client.Endpoints[0].Port);
        var query = Query(name, type, edns);
        var room = new byte[65537];
        if (!stream)
        {
            socket.Send(query);
            return room[..socket.Receive(room)];
        }
        socket.Send([(byte)(query.Length >> 8), (byte)query.Length, .. query]);
        socket.Shutdown(SocketShutdown.Send);
        var length = 0;
        while (socket.Receive(room, length, room.Length - length, SocketFlags.None) is > 0 and var count)
            length += count;
        Assert.Equal(length - 2, BinaryPrimitives.ReadUInt16BigEndian(room));
        return room[2..length];
    }

    public (NameVerdict, IpAddress[]) Resolve(string name, IsolationKey key)
    {
        var waiter = new Waiter();
        Loop.Enter(() => ((ICircuitEnds)this).Open(key, new Circuit(stack => Client.Resolve(stack, key, name, waiter))));
        Assert.True(waiter.Done.Wait(TimeSpan.FromSeconds(10)));
        return waiter.Result;
    }

    /// <summary>So many connections of the proxy want one name in the same moment.</summary>
    public IReadOnlyList<NameVerdict> ResolveAtOnce(string name, int count)
    {
        var waiters = Enumerable.Range(0, count).Select(_ => new Waiter()).ToArray();
        Loop.Enter(() => ((ICircuitEnds)this).Open(IsolationKey.Shared, new Circuit(stack =>
        {
            foreach (var waiter in waiters)
                Client.Resolve(stack, IsolationKey.Shared, name, waiter);
        })));
        Assert.All(waiters, waiter => Assert.True(waiter.Done.Wait(TimeSpan.FromSeconds(10))));
        return [.. waiters.Select(waiter => waiter.Result.Item1)];
    }

    public static byte[] Query(string name, RecordType type = RecordType.A, ushort? edns = null)
    {
        var room = new byte[512];
        var writer = new MessageWriter(room);
        writer.SetHeader(0x4711, HeaderFlags.RecursionDesired, ResponseCode.NoError);
        writer.TryAddQuestion(DomainName.Parse(name), type);
        byte[] opt = edns is { } size ? [0, 0, 41, (byte)(size >> 8), (byte)size, 0, 0, 0, 0, 0, 0] : [];
        room[11] = (byte)(edns is null ? 0 : 1);
        return [.. room.AsSpan(0, writer.Length), .. opt];
    }

    public void Dispose()
    {
        Client.Dispose();
        Loop.Dispose();
        Upstream.Dispose();
    }

    HostedStack Host(IpAddress address, Action<PacketBatch> transmit) =>
        Loop.Add(new Stack(new StackOptions { Addresses = [address] }, Loop.Memory, SystemRandom.Shared), transmit, 0, 0);

    void Deliver(PacketBatch packets, bool toExit)
    {
        var copy = new PacketBatch(packets.Buffer.Length, packets.Capacity);
        for (var i = 0; i < packets.Count; i++)
        {
            copy.TryCopy(packets.Bytes(i), default);
            Sent += toExit && packets.Bytes(i)[9] != (byte)IpProtocol.Icmp ? 1 : 0;
        }
        Loop.Post(() =>
        {
            if (toExit)
                _exitStack.Write(copy);
            else
                foreach (var stack in _clientStacks)
                    stack.Write(copy);
        });
    }

    sealed class Circuit(Action<HostedStack> use) : ICircuitWaiter
    {
        public void HandleCircuit(HostedStack? stack, CircuitRefusal refusal) => use(stack!);
    }

    sealed class Waiter : INameWaiter
    {
        public ManualResetEventSlim Done { get; } = new();
        public (NameVerdict, IpAddress[]) Result { get; private set; }

        public void HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses)
        {
            Result = (verdict, addresses.ToArray());
            Done.Set();
        }
    }
}
