using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

[Collection(nameof(Alone))]
public sealed class ReactorTests : IDisposable
{
    static readonly Endpoint Anywhere = new(IpAddress.V4Loopback, 0);

    readonly Reactor _reactor = new();

    public ReactorTests() => Require();

    public void Dispose() => _reactor.Dispose();

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void A_stream_carries_bytes_both_ways_and_its_ends(string address)
    {
        using var listener = StreamListener.Listen(new Endpoint(IpAddress.Parse(address), 0));
        var (near, far) = Connect(listener);
        using (near)
        using (far)
        {
            Assert.Equal(near.Remote, listener.Local);
            Assert.Equal(far.Remote, near.Local);
            var room = new byte[10];
            Assert.Equal(SocketStatus.WouldBlock, near.TryReceive(room, out _));
            Assert.Equal(SocketStatus.Ok, far.TrySend([1, 2, 3], out var sent));
            Assert.Equal(3, sent);
            far.ShutdownSend();

            Until(near, Readiness.PeerEnded);
            Assert.Equal(SocketStatus.Ok, near.TryReceive(room, out var got));
            Assert.Equal([1, 2, 3], room[..got]);
            Assert.Equal(SocketStatus.End, near.TryReceive(room, out _));
            Assert.Equal(SocketStatus.Ok, near.TrySend([4], out _));
            Until(far, Readiness.Readable);
            Assert.Equal(SocketStatus.Ok, far.TryReceive(room, out got));
            Assert.Equal([4], room[..got]);
        }
    }

    [Fact]
    public void Connecting_where_nobody_listens_ends_with_the_reason()
    {
        Endpoint nobody;
        using (var listener = StreamListener.Listen(Anywhere))
            nobody = listener.Local;
        Assert.Equal(SocketStatus.Ok, StreamSocket.TryConnect(nobody, null, out var socket));

        Until(socket, Readiness.Writable);

        Assert.Equal(SocketStatus.Refused, socket.TakeError());
        socket.Dispose();
    }

    [Fact]
    public void An_address_without_a_route_is_unreachable()
    {
        Assert.Equal(SocketStatus.Unreachable, StreamSocket.TryConnect(Endpoint.Parse("203.0.113.1:80"), null, out _));
        Assert.Equal(SocketStatus.Unreachable, StreamSocket.TryConnect(Endpoint.Parse("[2001:db8::1]:80"), null, out _));
    }

    [Fact]
    public void Abort_is_a_reset_at_the_far_end()
    {
        using var listener = StreamListener.Listen(Anywhere);
        var (near, far) = Connect(listener);

        far.Abort();

        Until(near, Readiness.Error);
        Assert.Equal(SocketStatus.Reset, near.TakeError());
        near.Dispose();
    }

    [Fact]
    public void Sending_into_a_closed_stream_is_a_status_and_no_signal()
    {
        using var listener = StreamListener.Listen(Anywhere);
        var (near, far) = Connect(listener);
        far.Dispose();
        Until(near, Readiness.PeerEnded);

        near.TrySend([1], out _);
        Until(near, Readiness.HungUp);
        Assert.Equal(SocketStatus.Reset, near.TakeError());

        Assert.Equal(SocketStatus.Reset, near.TrySend([2], out _));
        near.Dispose();
        Assert.Equal(SocketStatus.Reset, near.TrySend([3], out _));
        Assert.Equal(SocketStatus.Reset, near.TryReceive(new byte[1], out _));
    }

    [Fact]
    public void A_full_stream_blocks_and_tells_when_there_is_room()
    {
        using var listener = StreamListener.Listen(Anywhere);
        var (near, far) = Connect(listener);
        var block = new byte[65536];
        long sent = 0, received = 0;
        while (near.TrySend(block, out var count) == SocketStatus.Ok)
            sent += count;
        while (far.TryReceive(block, out var count) == SocketStatus.Ok)
            received += count;

        Until(near, Readiness.Writable);

        Assert.Equal(SocketStatus.Ok, near.TrySend(block, out _));
        Assert.InRange(received, 1, sent);
        near.Dispose();
        far.Dispose();
    }

    [Fact]
    public void Nothing_is_told_of_a_socket_that_was_closed_after_the_wait()
    {
        using var listener = StreamListener.Listen(Anywhere);
        var (one, far) = Connect(listener);
        var (two, other) = Connect(listener);
        var watchers = new Watcher[] { new(), new() };
        // Whoever is told first closes both: the other event is stale, and its place has a new owner.
        var newcomer = new Watcher();
        StreamSocket? late = null;
        foreach (var watcher in watchers)
            watcher.Then = () =>
            {
                one.Dispose();
                two.Dispose();
                Assert.Equal(SocketStatus.Ok, StreamSocket.TryConnect(listener.Local, null, out late));
                Assert.True(_reactor.TryWatch(late, newcomer));
            };
        Assert.True(_reactor.TryWatch(one, watchers[0]));
        Assert.True(_reactor.TryWatch(two, watchers[1]));

        _reactor.Wait(TimeSpan.FromSeconds(10));
        _reactor.Dispatch();

        Assert.Equal(1, watchers.Count(watcher => watcher.Seen != Readiness.None));
        Assert.Equal(Readiness.None, newcomer.Seen);
        Assert.Equal(1, _reactor.Count);
        late!.Dispose();
        far.Dispose();
        other.Dispose();
    }

    [Fact]
    public async Task A_wait_ends_when_it_is_woken_from_another_thread()
    {
        var waiter = Task.Run(() => _reactor.Wait(TimeSpan.FromMinutes(5)));

        _reactor.Wake();

        await waiter.WaitAsync(TimeSpan.FromSeconds(10));
        _reactor.Dispatch();
    }

    [Fact]
    public async Task No_wake_is_lost_however_often_it_comes()
    {
        const int wakes = 200_000;
        var made = 0;
        var waker = Task.Run(() =>
        {
            while (Volatile.Read(ref made) < wakes)
            {
                Interlocked.Increment(ref made);
                _reactor.Wake();
            }
        });
        var seen = 0;

        while (seen < wakes)
        {
            var began = Environment.TickCount64;
            _reactor.Wait(TimeSpan.FromSeconds(20));
            Assert.True(Environment.TickCount64 - began < 15_000, $"a wake was lost after {seen}");
            _reactor.Dispatch();
            seen = Volatile.Read(ref made);
        }
        await waker;
        _reactor.Wake();
        _reactor.Wait(TimeSpan.FromSeconds(20));
        _reactor.Dispatch();
    }

    [Fact]
    public void Moving_bytes_and_dispatching_allocate_nothing()
    {
        using var listener = StreamListener.Listen(Anywhere);
        var (near, far) = Connect(listener);
        var room = new byte[4096];
        var watcher = new Watcher();
        Assert.True(_reactor.TryWatch(far, watcher));

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
                Exchange();
        }));
        near.Dispose();
        far.Dispose();

        void Exchange()
        {
            watcher.Seen = Readiness.None;
            near.TrySend(room, out _);
            while ((watcher.Seen & Readiness.Readable) == 0)
            {
                _reactor.Wait(TimeSpan.FromSeconds(10));
                _reactor.Dispatch();
            }
            while (far.TryReceive(room, out _) == SocketStatus.Ok)
            {
            }
        }
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void A_datagram_to_a_closed_port_comes_back_as_an_error(string address)
    {
        var here = new Endpoint(IpAddress.Parse(address), 0);
        Assert.Equal(SocketStatus.Ok, DatagramSocket.TryBind(here, null, out var closed));
        var target = closed.Local;
        closed.Dispose();
        Assert.Equal(SocketStatus.Ok, DatagramSocket.TryBind(here, null, out var socket));

        Assert.Equal(SocketStatus.Ok, socket.TrySend([1, 2, 3], target));
        Until(socket, Readiness.Error);

        var quoted = new byte[100];
        Assert.True(socket.TryTakeError(quoted, out var error));
        Assert.Equal((target, SocketStatus.Refused, true, IpAddress.Parse(address)), (error.Destination, error.Status, error.IsIcmp, error.Offender));
        Assert.Equal([1, 2, 3], quoted[..error.Quoted]);
        Assert.False(socket.TryTakeError(quoted, out _));
        Assert.Equal(SocketStatus.WouldBlock, socket.TryReceive(quoted, out _, out _));
        socket.Dispose();
    }

    [Fact]
    public void An_error_of_one_datagram_does_not_keep_the_next_from_leaving()
    {
        DatagramSocket.TryBind(Anywhere, null, out var closed);
        var target = closed.Local;
        closed.Dispose();
        DatagramSocket.TryBind(Anywhere, null, out var there);
        DatagramSocket.TryBind(Anywhere, null, out var socket);
        socket.TrySend([1], target);
        Until(socket, Readiness.Error);

        Assert.Equal(SocketStatus.Ok, socket.TrySend([2], there.Local));

        Until(there, Readiness.Readable);
        var room = new byte[10];
        Assert.Equal(SocketStatus.Ok, there.TryReceive(room, out var length, out var from));
        Assert.Equal((1, socket.Local, 2), (length, from, (int)room[0]));
        socket.Dispose();
        there.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_ping_is_answered(bool v4)
    {
        Shell("sysctl -qw net.ipv4.ping_group_range='0 2147483647'");
        Assert.Equal(SocketStatus.Ok, PingSocket.TryOpen(v4, null, out var socket));
        byte[] request = [v4 ? (byte)8 : (byte)128, 0, 0, 0, 0, 0, 0, 7, 42];

        Assert.Equal(SocketStatus.Ok, socket.TrySend(request, new Endpoint(v4 ? IpAddress.V4Loopback : IpAddress.V6Loopback, 0)));
        Until(socket, Readiness.Readable);

        var room = new byte[100];
        Assert.Equal(SocketStatus.Ok, socket.TryReceive(room, out var length, out _));
        Assert.Equal((9, v4 ? 0 : 129, 7, 42), (length, room[0], room[7], room[8]));
        socket.Dispose();
    }

    [Fact]
    public void A_ping_is_prohibited_where_the_system_does_not_allow_it()
    {
        Shell("sysctl -qw net.ipv4.ping_group_range='1 0'");

        Assert.Equal(SocketStatus.Prohibited, PingSocket.TryOpen(v4: true, null, out _));
    }

    [Fact]
    public void A_port_in_use_is_refused_with_the_reason()
    {
        using var first = StreamListener.Listen(Anywhere);

        Assert.Equal(Interop.EADDRINUSE, Assert.Throws<LinuxException>(() => StreamListener.Listen(first.Local)).Errno);
    }

    static (StreamSocket Near, StreamSocket Far) Connect(StreamListener listener)
    {
        Assert.Equal(SocketStatus.Ok, StreamSocket.TryConnect(listener.Local, null, out var near));
        SocketStatus status;
        StreamSocket far;
        while ((status = listener.TryAccept(out far)) == SocketStatus.WouldBlock)
            Until(listener, Readiness.Readable);
        Assert.Equal(SocketStatus.Ok, status);
        Until(near, Readiness.Writable);
        Assert.Equal(SocketStatus.Ok, near.TakeError());
        return (near, far);
    }

    /// <summary>Waits on a reactor of its own until all of that was told: edges seen elsewhere do not come again.</summary>
    static void Until(ReactorSocket socket, Readiness wanted)
    {
        using var reactor = new Reactor();
        var watcher = new Watcher();
        var before = socket.Watcher;
        socket.Watcher = null;
        Assert.True(reactor.TryWatch(socket, watcher));
        for (var tries = 0; (watcher.Seen & wanted) != wanted; tries++)
        {
            Assert.True(tries < 100, $"{wanted} was not told, only {watcher.Seen}");
            reactor.Wait(TimeSpan.FromSeconds(1));
            reactor.Dispatch();
        }
        reactor.Forget(socket);
        socket.Watcher = before;
    }

    sealed class Watcher : IReactive
    {
        internal Readiness Seen { get; set; }

        internal Action? Then { get; set; }

        public void HandleReady(Readiness ready)
        {
            Seen |= ready;
            Then?.Invoke();
        }
    }
}
