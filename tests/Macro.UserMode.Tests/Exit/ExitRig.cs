using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Linux;
using Macro.NetStack;
using Macro.Simulation;

namespace Macro.UserMode.Tests.Exit;

/// <summary>
/// A client's stack and a user-mode exit in one loop, joined by a queue; the internet is 127.1.0.0/16, which a network on
/// one machine may use: <c>stack of the client - UserModeExit - sockets of the test</c>
/// </summary>
sealed class ExitRig : IDisposable
{
    public static readonly IpAddress ClientV4 = IpAddress.Parse("100.65.0.2"), ClientV6 = IpAddress.Parse("fd6d:6163:726f:65::2");

    /// <summary>Of another session.</summary>
    public static readonly IpAddress OtherClient = IpAddress.Parse("100.65.0.3");

    public static readonly IpAddress Server = IpAddress.Parse("127.1.0.1"), OtherServer = IpAddress.Parse("127.1.0.2");

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    public ExitRig(UserModeExitOptions? options = null, ExitPolicy? policy = null)
    {
        Loop = new StackLoop("exit test", new BootClock(), new TcpMemory(64 << 20));
        Exit = UserModeExit.Start(
            Loop,
            policy ?? new ExitPolicy([ExitPolicy.AcceptAll], HostileTargets.Own, [Prefix.Parse("127.1.0.0/16")]),
            address => address == ClientV4 || address == ClientV6 ? Session : address == OtherClient ? this : null,
            (options ?? new UserModeExitOptions()) with { FarLoopback = true }, SystemRandom.Shared, packets => Deliver(packets, toExit: false), 0, 0);
        Client = Loop.Add(new Stack(new StackOptions { Addresses = [ClientV4, ClientV6], FarLoopback = true }, Loop.Memory, SystemRandom.Shared), packets => Deliver(packets, toExit: true), 0, 0);
        Loop.Start();
    }

    public StackLoop Loop { get; }
    public UserModeExit Exit { get; }
    public HostedStack Client { get; }

    /// <summary>Whose lease the client's addresses are; null: nobody's.</summary>
    public object? Session { get; set; } = new();

    /// <summary>Reads or does something under the loop's lock.</summary>
    public T Get<T>(Func<T> function)
    {
        var result = default(T);
        Loop.Enter(() => result = function());
        return result!;
    }

    /// <summary>Waits until something under the lock is so.</summary>
    public void Until(Func<bool> condition)
    {
        Assert.True(SpinWait.SpinUntil(() => Get(condition), s_patience));
    }

    public ClientStream Connect(Endpoint target) => Get(() =>
    {
        var stream = new ClientStream(this);
        stream.Connection = Client.Stack.Connect(target, stream, Loop.Now)!;
        return stream;
    });

    public void Inject(byte[] packet)
    {
        var batch = new PacketBatch(65536, 1);
        batch.TryCopy(packet, default);
        Exit.Stack.Write(batch);
    }

    public void InjectSyn(Endpoint from, Endpoint to)
    {
        var packet = new byte[40];
        new IpHeader(from.Address, to.Address, IpProtocol.Tcp, 64).Write(packet);
        var segment = packet.AsSpan(20);
        Assert.True(new TcpSegment { SourcePort = from.Port, DestinationPort = to.Port, Sequence = 1, Flags = TcpFlags.Syn, Window = 1000 }.TryWrite(segment, out _));
        BinaryPrimitives.WriteUInt16BigEndian(segment[16..], Checksum.Finish(Checksum.Sum(segment, Checksum.PseudoHeader(from.Address, to.Address, IpProtocol.Tcp, 20))));
        Inject(packet);
    }

    public void Dispose() => Loop.Dispose();

    void Deliver(PacketBatch packets, bool toExit)
    {
        var copy = new PacketBatch(packets.Buffer.Length, packets.Capacity);
        for (var i = 0; i < packets.Count; i++)
            copy.TryCopy(packets.Bytes(i), default);
        Loop.Post(() => (toExit ? Exit.Stack : Client).Write(copy));
    }
}

/// <summary>A connection of the client, with everything that came over it.</summary>
sealed class ClientStream(ExitRig rig) : IConnectionHandler
{
    readonly List<byte> _received = [];

    public TcpConnection Connection { get; set; } = null!;

    public void Send(byte[] bytes) => rig.Loop.Enter(() =>
    {
        Assert.True(Connection.Writable.Length >= bytes.Length);
        bytes.CopyTo(Connection.Writable);
        Connection.Commit(bytes.Length);
    });

    public void Shutdown() => rig.Loop.Enter(() => Connection.Shutdown());

    public void Abort() => rig.Loop.Enter(() => Connection.Abort());

    public byte[] Received => rig.Get(() => _received.ToArray());

    public void UntilEstablished() => rig.Until(() => Connection.IsEstablished);

    public TcpFailure Failure
    {
        get
        {
            rig.Until(() => Connection.IsClosed);
            return rig.Get(() => Connection.Failure);
        }
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        while (!connection.Readable.IsEmpty)
        {
            _received.AddRange(connection.Readable);
            connection.Consume(connection.Readable.Length);
        }
    }
}

/// <summary>A UDP port of the client.</summary>
sealed class ClientPort : IUdpHandler
{
    readonly ExitRig _rig;
    readonly Endpoint _local;

    public ClientPort(ExitRig rig, bool v4 = true)
    {
        _rig = rig;
        var local = default(Endpoint);
        Assert.True(rig.Get(() => rig.Client.Stack.TryBind(v4, this, out local)));
        _local = local;
    }

    public List<(Endpoint From, byte[] Payload)> Received { get; } = [];

    public List<(Endpoint Target, IcmpError Error)> Errors { get; } = [];

    public void Send(Endpoint target, params byte[] payload) => _rig.Loop.Enter(() => Assert.True(_rig.Client.Stack.TrySend(_local, target, payload)));

    public IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        Received.Add((remote, payload.ToArray()));
        return IcmpReason.None;
    }

    public void HandleError(Endpoint local, Endpoint remote, IcmpError error) => Errors.Add((remote, error));
}
