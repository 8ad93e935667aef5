using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Threading.Channels;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Tcp;
using Macro.Linux;

namespace Macro.Daemon.Tests;

public sealed class TcpLinksTests : IAsyncDisposable
{
    static readonly IpAddress s_loopback = IpAddress.V4Loopback;

    readonly Side _relay, _client;
    readonly Socket _listener;
    readonly SslServerAuthenticationOptions _tls = TcpTls.Server(SystemRandom.Shared, DateTimeOffset.UnixEpoch + TimeSpan.FromDays(20_000));
    readonly List<Task> _served = [];

    public TcpLinksTests()
    {
        var limits = new TcpLimits { Connections = 6, OfOneSource = 4, Unproven = 3 };
        (_relay, _client) = (new Side(limits), new Side(limits));
        _listener = TcpSocket.Listen(s_loopback, 0, mark: 0);
    }

    [Fact]
    public async Task Messages_pass_both_ways_whole_and_in_order()
    {
        var link = await ConnectAsync();
        _client.Send(link, Data(0, 32));
        var (_, source) = await _relay.NextAsync();
        Assert.True(TcpEndpoint.Is(source));
        for (var i = 0; i < 30; i++)
        {
            _client.Send(link, Data(i, 32 + 47 * i));
            _relay.Send(source, Data(100 + i, TcpFrame.MaxMessage - i));
        }
        for (var i = 0; i < 30; i++)
        {
            var (up, down) = (await _relay.NextAsync(), await _client.NextAsync());
            Assert.Equal((source, link), (up.Source, down.Source));
            Assert.Equal(Data(i, 32 + 47 * i), up.Message);
            Assert.Equal(Data(100 + i, TcpFrame.MaxMessage - i), down.Message);
        }
    }

    [Fact]
    public async Task Only_datagrams_for_connections_are_taken_out_of_a_batch()
    {
        var link = await ConnectAsync();
        var batch = new PacketBatch(4096, 4);
        var elsewhere = Endpoint.Parse("192.0.2.1:51820");
        batch.TryCopy(Data(1, 40), elsewhere);
        batch.TryCopy(Data(2, 50), link);
        batch.TryCopy(Data(3, 60), TcpEndpoint.Make(s_loopback, 7));
        batch.TryCopy(Data(4, 70), elsewhere);
        _client.Links.TakeOut(batch);
        Assert.Equal([40, 70], batch.Slots.ToArray().Select(slot => slot.Length));
        Assert.Equal(Data(2, 50), (await _relay.NextAsync()).Message);
    }

    [Theory]
    [InlineData("474554202f20485454502f312e310d0a486f73743a20610d0a0d0a")]
    [InlineData("ffff")]
    [InlineData("0000")]
    [InlineData("200009000000000000000000000000000000000000000000000000000000000000000000")]
    public async Task What_is_no_message_ends_the_connection(string hex)
    {
        await using var stream = await TlsAsync();
        await stream.WriteAsync(Convert.FromHexString(hex));
        Assert.True(await HasEndedAsync(stream));
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
    }

    [Fact]
    public async Task Bytes_that_are_no_tls_end_the_connection()
    {
        var socket = await RawAsync();
        await using var stream = new NetworkStream(socket, ownsSocket: true);
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        // At the latest when TLS has had its time.
        _relay.Now += TimeSpan.FromSeconds(11);
        _relay.Links.Sweep(_relay.Now);
        Assert.True(await HasEndedAsync(stream));
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
    }

    [Fact]
    public async Task Who_got_no_answer_in_time_is_put_out_and_who_did_stays()
    {
        await using var silent = await TlsAsync();
        await using var served = await TlsAsync();
        await served.WriteAsync(Framed(Data(5, 32)));
        var (_, source) = await _relay.NextAsync();
        _relay.Send(source, Data(6, 32));
        _relay.Now += TimeSpan.FromSeconds(11);
        _relay.Links.Sweep(_relay.Now);
        Assert.True(await HasEndedAsync(silent));
        await _served[0];
        Assert.Equal(1, _relay.Links.Count);

        _relay.Now += TimeSpan.FromSeconds(181);
        _relay.Links.Sweep(_relay.Now);
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
    }

    [Fact]
    public async Task Who_takes_nothing_costs_a_bounded_queue_and_is_put_out()
    {
        await using var slow = await TlsAsync();
        await slow.WriteAsync(Framed(Data(5, 32)));
        var (_, source) = await _relay.NextAsync();
        var link = _relay.Links.Find(source)!;
        // Time passes with each message, so that a write that goes nowhere is overdue in the end.
        while (_relay.Links.Count > 0)
        {
            link.Send(Data(1, TcpFrame.MaxMessage));
            _relay.Now += TimeSpan.FromMilliseconds(1);
            _relay.Links.Sweep(_relay.Now);
            await Task.Yield();
        }
        Assert.True(link.Dropped > 0);
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
    }

    [Fact]
    public async Task Strangers_are_refused_beyond_the_limits_and_make_room_when_they_go()
    {
        var streams = new List<SslStream>();
        for (var i = 0; i < 3; i++)
            streams.Add(await TlsAsync());
        // Three that have had no answer are enough.
        Assert.True(await IsRefusedAsync());

        foreach (var stream in streams)
        {
            await stream.WriteAsync(Framed(Data(5, 32)));
            _relay.Send((await _relay.NextAsync()).Source, Data(6, 32));
        }
        streams.Add(await TlsAsync());
        await streams[3].WriteAsync(Framed(Data(5, 32)));
        _relay.Send((await _relay.NextAsync()).Source, Data(6, 32));
        // Four of one source are enough.
        Assert.True(await IsRefusedAsync());
        Assert.Equal(2, _relay.Links.Refused);

        await streams[0].DisposeAsync();
        await _served[0];
        streams.Add(await TlsAsync());
        foreach (var stream in streams)
            await stream.DisposeAsync();
    }

    [Fact]
    public async Task A_connection_that_is_needed_no_more_ends_after_what_waits()
    {
        var link = await ConnectAsync();
        for (var i = 0; i < 20; i++)
            _client.Send(link, Data(i, 1000));
        _client.Links.Close(link);
        for (var i = 0; i < 20; i++)
            Assert.Equal(Data(i, 1000), (await _relay.NextAsync()).Message);
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
        Assert.Equal(link, await _client.LostAsync());
    }

    [Fact]
    public async Task What_waits_behind_a_slow_write_is_sent_before_the_end_whatever_the_far_end_says_meanwhile()
    {
        await using var slow = await TlsAsync();
        await slow.WriteAsync(Framed(Data(5, 32)));
        var (_, source) = await _relay.NextAsync();
        var link = _relay.Links.Find(source)!;
        var accepted = 0;
        for (var full = false; !full; await Task.Yield())
        {
            // A write is stuck, and behind it the queue is full.
            link.Send(Data(accepted, TcpFrame.MaxMessage));
            full = link.Dropped > 100;
            accepted++;
        }
        accepted -= (int)link.Dropped;
        _relay.Links.Close(source);
        link.Send(Data(0, 32));
        await slow.WriteAsync(Framed(Data(6, 32)));

        var arrived = await ReadToEndAsync(slow);
        Assert.Equal(accepted * Framed(Data(0, TcpFrame.MaxMessage)).Length, arrived);
        Assert.Equal(1, _relay.Links.Count);

        // The far end does not hang up: it has as long as for taking a write.
        _relay.Now += TimeSpan.FromSeconds(21);
        _relay.Links.Sweep(_relay.Now);
        await Task.WhenAll(_served);
        Assert.Equal(0, _relay.Links.Count);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Links.Dispose();
        _relay.Links.Dispose();
        _listener.Dispose();
        await Task.WhenAll(_served);
    }

    /// <summary>One end, with what arrived there.</summary>
    sealed class Side
    {
        readonly PacketBatch _received = new(16 * 1024, 8);
        readonly Channel<(byte[] Message, Endpoint Source)> _messages = System.Threading.Channels.Channel.CreateUnbounded<(byte[], Endpoint)>();

        readonly Channel<Endpoint> _lost = System.Threading.Channels.Channel.CreateUnbounded<Endpoint>();

        public Side(TcpLimits limits) => Links = new TcpLinks(_received, Take, link => _lost.Writer.TryWrite(link), limits, SystemRandom.Shared, () => Now);

        public TcpLinks Links { get; }

        public Instant Now { get; set; } = Instant.FromUnixSeconds(1_800_000_000);

        public ValueTask<(byte[] Message, Endpoint Source)> NextAsync() => _messages.Reader.ReadAsync(TestContext.Current.CancellationToken);

        public ValueTask<Endpoint> LostAsync() => _lost.Reader.ReadAsync(TestContext.Current.CancellationToken);

        public void Send(Endpoint link, byte[] message)
        {
            var batch = new PacketBatch(2048, 1);
            batch.TryCopy(message, link);
            Links.TakeOut(batch);
            Assert.Equal(0, batch.Count);
        }

        void Take()
        {
            for (var i = 0; i < _received.Count; i++)
                _messages.Writer.TryWrite((_received.Bytes(i).ToArray(), _received[i].Remote));
        }
    }

    async Task<Endpoint> ConnectAsync() => (await _client.Links.OpenAsync(await RawAsync(), s_loopback, TcpTls.Client(SystemRandom.Shared)))!.Value;

    async Task<SslStream> TlsAsync()
    {
        var stream = new SslStream(new NetworkStream(await RawAsync(), ownsSocket: true));
        await stream.AuthenticateAsClientAsync(TcpTls.Client(SystemRandom.Shared));
        return stream;
    }

    async Task<bool> IsRefusedAsync()
    {
        await using var stream = new NetworkStream(await RawAsync(), ownsSocket: true);
        return await HasEndedAsync(stream);
    }

    async Task<Socket> RawAsync()
    {
        var port = (ushort)((IPEndPoint)_listener.LocalEndPoint!).Port;
        var accepted = _listener.AcceptAsync();
        var socket = await TcpSocket.ConnectAsync(new Endpoint(s_loopback, port), from: null, mark: 0, TestContext.Current.CancellationToken);
        _served.Add(_relay.Links.ServeAsync(await accepted, s_loopback, _tls));
        return socket!;
    }

    static async Task<bool> HasEndedAsync(Stream stream)
    {
        try
        {
            await ReadToEndAsync(stream);
            return true;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <returns>Bytes until the proper end.</returns>
    static async Task<int> ReadToEndAsync(Stream stream)
    {
        var (buffer, total) = (new byte[4096], 0);
        while (await stream.ReadAsync(buffer) is > 0 and var count)
            total += count;
        return total;
    }

    static byte[] Framed(byte[] message)
    {
        var framed = new byte[2 + message.Length];
        Assert.True(TcpFrame.TryWrite(message, framed, out _));
        return framed;
    }

    /// <summary>A data message without meaning, made unlike others by its number.</summary>
    static byte[] Data(int number, int length)
    {
        var message = new byte[length];
        Array.Fill(message, (byte)number);
        (message[0], message[1], message[2], message[3]) = (4, 0, 0, 0);
        return message;
    }
}
