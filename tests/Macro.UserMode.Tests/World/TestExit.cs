using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode.Tests;

/// <summary>The least that an exit does: connections and datagrams of a stack to loopback, whatever address they name.</summary>
sealed class TestExit(HostedStack stack) : IConnectionHandler, IUdpHandler
{
    readonly Dictionary<Endpoint, Outside> _ports = [];

    /// <summary>What is refused as by a policy.</summary>
    internal ushort DeniedPort { get; set; }

    /// <summary>Connections to this port are never answered.</summary>
    internal ushort SilentPort { get; set; }

    internal void Begin()
    {
        stack.Stack.ListenAny(this);
        stack.Stack.BindAny(this);
    }

    public void HandleConnection(TcpConnection connection)
    {
        if (!connection.IsIncoming || connection.Flow.Local.Port == SilentPort)
            return;
        if (connection.Flow.Local.Port == DeniedPort)
            connection.RejectIncoming(TcpFailure.Prohibited);
        else
            Dialing.Begin(stack, connection);
    }

    public IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        if (!_ports.TryGetValue(remote, out var outside))
        {
            DatagramSocket.TryBind(new Endpoint(IpAddress.V4Loopback, 0), null, out var socket);
            outside = _ports[remote] = new Outside(stack, socket, remote);
            stack.Loop.Reactor.TryWatch(socket, outside);
        }
        outside.Names[local.Port] = local;
        outside.Socket.TrySend(payload, new Endpoint(IpAddress.V4Loopback, local.Port));
        return IcmpReason.None;
    }

    public void HandleError(Endpoint local, Endpoint remote, IcmpError error) { }

    sealed class Outside(HostedStack stack, DatagramSocket socket, Endpoint inner) : IReactive
    {
        internal DatagramSocket Socket => socket;

        internal Dictionary<ushort, Endpoint> Names { get; } = [];

        public void HandleReady(Readiness ready)
        {
            Span<byte> room = new byte[65536];
            while (socket.TryReceive(room, out var length, out var from) == SocketStatus.Ok)
                stack.Stack.TrySend(Names.GetValueOrDefault(from.Port, from), inner, room[..length]);
        }
    }

    sealed class Dialing(HostedStack stack, TcpConnection connection, StreamSocket socket) : IReactive, IConnectionHandler
    {
        internal static void Begin(HostedStack stack, TcpConnection connection)
        {
            if (StreamSocket.TryConnect(new Endpoint(IpAddress.V4Loopback, connection.Flow.Local.Port), null, out var socket) != SocketStatus.Ok)
            {
                connection.RejectIncoming(TcpFailure.Unreachable);
                return;
            }
            var dialing = new Dialing(stack, connection, socket);
            connection.Context = dialing;
            stack.Loop.Reactor.TryWatch(socket, dialing);
        }

        public void HandleConnection(TcpConnection changed)
        {
            if (!changed.IsIncoming)
                socket.Dispose();
        }

        public void HandleReady(Readiness ready)
        {
            var status = socket.TakeError();
            if (status == SocketStatus.Ok)
            {
                connection.AcceptIncoming();
                Splice.Start(stack, connection, socket, Timeout.InfiniteTimeSpan);
                return;
            }
            socket.Dispose();
            connection.Context = null;
            connection.RejectIncoming(status == SocketStatus.Refused ? TcpFailure.Refused : TcpFailure.Unreachable);
        }
    }
}
