using Macro.Core;
using Macro.Linux;

namespace Macro.UserMode;

/// <summary>
/// The way of an exit's resolvers to their upstreams: sockets of the kernel, for each query one with a random port of its
/// own, so that a forged answer must guess port, id and case (RFC 5452).
/// </summary>
/// <param name="mark">Firewall mark of its sockets; 0: none.</param>
sealed class SocketLink(StackLoop loop, uint mark, ExchangeQuota? quota = null) : UpstreamLink(quota)
{
    readonly SocketOptions _options = new() { Mark = mark };

    protected override IDatagramExchange? OpenDatagram(long number, Endpoint upstream, byte[] message)
    {
        var any = upstream.Address.IsV4 ? IpAddress.V4Any : IpAddress.V6Any;
        if (DatagramSocket.TryBind(new Endpoint(any, 0), _options, out var socket) != SocketStatus.Ok)
            return null;
        var exchange = new SocketExchange(Resolver, number, socket, upstream);
        if (!loop.Reactor.TryWatch(socket, exchange))
        {
            socket.Dispose();
            return null;
        }
        exchange.Send(message);
        return exchange;
    }

    protected override IExchange? OpenStream(long number, Endpoint upstream, byte[] message) =>
        StreamSocket.TryConnect(upstream, _options, out var socket) == SocketStatus.Ok && SocketStream.Over(socket, loop.Reactor) is { } stream
            ? StreamExchange.Start(Resolver, number, stream, message) : null;

    /// <summary>One query from a port of its own.</summary>
    sealed class SocketExchange(LoopResolver resolver, long number, DatagramSocket socket, Endpoint upstream) : IDatagramExchange, IReactive
    {
        // The largest answer to what asks for 1232 bytes, and some more to see that one is larger.
        const int Largest = 4096;

        public void Send(byte[] message) => socket.TrySend(message, upstream);

        public void End() => socket.Dispose();

        void IReactive.HandleReady(Readiness ready)
        {
            Span<byte> room = stackalloc byte[Largest];
            while (!socket.IsClosed && socket.TryReceive(room, out var count, out var source) == SocketStatus.Ok)
                resolver.HandleDatagram(number, source, room[..count]);
            if (!socket.IsClosed && (ready & Readiness.Error) != 0 && socket.TryTakeError([], out var error) && error.Destination == upstream)
                resolver.HandleFailure(number);
        }
    }
}
