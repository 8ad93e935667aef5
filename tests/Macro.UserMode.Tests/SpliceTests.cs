using System.Net.Sockets;
using System.Security.Cryptography;
using static Macro.UserMode.Tests.TestWorld;

namespace Macro.UserMode.Tests;

public sealed class SpliceTests
{
    const string Target = "198.51.100.7";

    [Fact]
    public void Bytes_go_there_and_back()
    {
        using var world = new TestWorld();
        using var echo = Server.Echo();
        using var client = world.Connect();

        Assert.Equal(0, client.Ask(1, Target, echo.Port));
        client.GetStream().Write("hello"u8);

        Assert.Equal("hello"u8, client.GetStream().Take(5));
    }

    [Fact]
    public void The_end_of_one_direction_leaves_the_other_open()
    {
        using var world = new TestWorld();
        using var server = new Server(async socket =>
        {
            var all = new MemoryStream();
            var buffer = new byte[1024];
            int count;
            while ((count = await socket.ReceiveAsync(buffer)) > 0)
                await all.WriteAsync(buffer.AsMemory(0, count));
            await socket.SendAsync(SHA256.HashData(all.ToArray()));
        });
        using var client = world.Connect();
        client.Ask(1, Target, server.Port);

        var stream = client.GetStream();
        stream.Write(new byte[100_000]);
        client.Client.Shutdown(SocketShutdown.Send);

        Assert.Equal(SHA256.HashData(new byte[100_000]), stream.Take(32));
        Assert.Equal(0, stream.Read(new byte[1]));
        Eventually(() => world.Proxy.Counters.Open == 0, "the end of the splice");
    }

    [Fact]
    public async Task A_hundred_megabytes_each_way_arrive_whole()
    {
        const int size = 100 << 20;
        using var world = new TestWorld();
        using var echo = Server.Echo();
        using var client = world.Connect();
        client.Ask(1, Target, echo.Port);
        var stream = client.GetStream();
        using var sent = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var received = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        var sender = Task.Run(async () =>
        {
            var block = new byte[1 << 16];
            var random = new Random(1);
            for (var left = size; left > 0; left -= block.Length)
            {
                random.NextBytes(block);
                sent.AppendData(block);
                await stream.WriteAsync(block);
            }
            client.Client.Shutdown(SocketShutdown.Send);
        });
        var buffer = new byte[1 << 16];
        int count;
        while ((count = await stream.ReadAsync(buffer)) > 0)
            received.AppendData(buffer, 0, count);
        await sender;

        Assert.Equal(sent.GetHashAndReset(), received.GetHashAndReset());
        Eventually(() => world.Client.Memory.Used == 0 && world.Exit.Memory.Used == 0, "memory being returned");
    }

    [Fact]
    public async Task A_reader_that_stands_still_stops_the_sender_and_bounds_the_memory()
    {
        using var world = new TestWorld(window: 1 << 20);
        var stopped = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new Server(async socket =>
        {
            socket.SendBufferSize = 65536;
            var block = new byte[65536];
            var sent = 0L;
            while (true)
            {
                var send = socket.SendAsync(block);
                if (await Task.WhenAny(send, Task.Delay(2000)) != send)
                {
                    stopped.SetResult(sent);
                    return;
                }
                sent += await send;
            }
        });
        using var client = world.Connect();
        client.Client.ReceiveBufferSize = 65536;
        client.Ask(1, Target, server.Port);

        var total = await stopped.Task.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.InRange(world.Client.Memory.Used, 0, 3 << 20);
        Assert.InRange(world.Exit.Memory.Used, 0, 3 << 20);
        Assert.InRange(total, 1, 32 << 20);
    }

    [Fact]
    public async Task A_reset_of_the_client_becomes_a_reset_for_the_server()
    {
        using var world = new TestWorld();
        var seen = new TaskCompletionSource<SocketError>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var server = new Server(async socket =>
        {
            try
            {
                await socket.SendAsync(new byte[1]);
                while (await socket.ReceiveAsync(new byte[16]) > 0)
                {
                }
                seen.SetResult(SocketError.Success);
            }
            catch (SocketException failure)
            {
                seen.SetResult(failure.SocketErrorCode);
            }
        });
        var client = world.Connect();
        client.Ask(1, Target, server.Port);
        client.GetStream().Take(1);

        client.Client.Close(0);

        Assert.Equal(SocketError.ConnectionReset, await seen.Task.WaitAsync(TimeSpan.FromSeconds(20)));
        Eventually(() => world.Proxy.Counters.Open == 0, "the end of the splice");
    }

    [Fact]
    public void A_reset_of_the_server_becomes_a_reset_for_the_client()
    {
        using var world = new TestWorld();
        using var server = new Server(async socket =>
        {
            await socket.ReceiveAsync(new byte[16]);
            socket.LingerState = new LingerOption(true, 0);
        });
        using var client = world.Connect();
        client.Ask(1, Target, server.Port);

        client.GetStream().Write("go"u8);

        var failure = Assert.Throws<IOException>(() => client.GetStream().ReadByte());
        Assert.Equal(SocketError.ConnectionReset, ((SocketException)failure.InnerException!).SocketErrorCode);
    }

    [Fact]
    public void A_circuit_that_goes_away_resets_its_clients_and_no_others()
    {
        using var world = new TestWorld();
        using var echo = Server.Echo();
        using var one = world.Connect();
        using var two = world.Connect();
        one.Ask(1, Target, echo.Port, "one");
        two.Ask(1, Target, echo.Port, "two");

        world.Of("one").Client.Close();

        Assert.Throws<IOException>(() => one.GetStream().ReadByte());
        two.GetStream().Write("still here"u8);
        Assert.Equal("still here"u8, two.GetStream().Take(10));
        Eventually(() => world.Proxy.Counters.Open == 1, "the end of one");
    }

    [Fact]
    public void An_idle_connection_is_closed()
    {
        using var world = new TestWorld(new ProxyOptions { IdleTimeout = TimeSpan.FromMilliseconds(300) });
        using var echo = Server.Echo();
        using var client = world.Connect();
        client.Ask(1, Target, echo.Port);

        Assert.Throws<IOException>(() => client.GetStream().ReadByte());
        Eventually(() => world.Proxy.Counters.Open == 0, "the end of the splice");
    }

    [Fact]
    public async Task Five_hundred_connections_at_once_all_get_their_own_bytes()
    {
        using var world = new TestWorld();
        using var echo = Server.Echo();

        await Parallel.ForAsync(0, 500, new ParallelOptions { MaxDegreeOfParallelism = 500 }, async (i, cancel) =>
        {
            using var client = new TcpClient();
            await client.ConnectAsync("127.0.0.1", world.Port, cancel);
            var stream = client.GetStream();
            var bytes = new byte[20_000];
            new Random(i).NextBytes(bytes);
            // Everything at once: the proxy must keep what comes before it has connected.
            await stream.WriteAsync((byte[])[5, 1, 0, .. SocksClient.Request(1, Target, echo.Port)], cancel);
            await stream.WriteAsync(bytes, cancel);
            var answer = new byte[12];
            await stream.ReadExactlyAsync(answer, cancel);
            Assert.Equal([5, 0, 5, 0], answer[..4]);
            var back = new byte[bytes.Length];
            await stream.ReadExactlyAsync(back, cancel);
            Assert.Equal(bytes, back);
        });

        Eventually(() => world.Proxy.Counters.Open == 0, "the end of all");
        Assert.Equal(500, world.Proxy.Counters.Accepted);
    }
}
