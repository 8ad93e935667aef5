using System.Net.Sockets;
using System.Threading.Channels;
using Macro.Core;
using Macro.Linux;
using Macro.Nat.PortMapping;

namespace Macro.Daemon.Traversal;

/// <summary>
/// Keeps a <see cref="PortMapper"/> at work with the gateway of the moment, from <see cref="Start"/> until
/// <see cref="StopAsync"/>, which removes what was mapped. One task owns the mapper; sockets and requests report to it.
/// </summary>
/// <param name="gateways">Those of the moment, of IPv4 and of IPv6.</param>
/// <param name="changed">Called on that task: mapping, pinhole, and whether the gateway speaks any protocol.</param>
sealed class PortMappings(
    ushort port, ReadOnlyMemory<byte> secret, uint mark, BootClock clock, Func<(DefaultGateway? V4, DefaultGateway? V6)> gateways, Action<PortMapperState> changed)
    : IAsyncDisposable
{
    static readonly TimeSpan s_lookAround = TimeSpan.FromSeconds(5), s_farewell = TimeSpan.FromSeconds(2);

    CancellationTokenSource? _stopping;
    Task _running = Task.CompletedTask;
    volatile PortMapperState _state = PortMapperState.None;
    volatile Channel<Action<PortMapper>>? _inbox;

    public PortMapperState State => _state;

    public void Start()
    {
        if (_stopping is not null)
            return;
        _stopping = new CancellationTokenSource();
        var stop = _stopping.Token;
        _running = Task.Run(() => RunAsync(stop), CancellationToken.None);
    }

    public async Task StopAsync()
    {
        if (_stopping is not { } stopping)
            return;
        await stopping.CancelAsync();
        await _running;
        stopping.Dispose();
        _stopping = null;
    }

    public ValueTask DisposeAsync() => new(StopAsync());

    /// <summary>Others see us at this address.</summary>
    public void Observe(IpAddress outside) => _inbox?.Writer.TryWrite(mapper => mapper.Observe(outside));

    async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            var (v4, v6) = gateways();
            try
            {
                if (v4 is not null || v6 is not null)
                    await ServeAsync(v4, v6, stop);
                else
                    await Task.Delay(s_lookAround, stop);
            }
            catch (SocketException)
            {
                // The address went away with its network; the next look finds another.
                await Task.Delay(s_lookAround, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
                // Stopped while there was no gateway.
            }
            Publish(PortMapperState.None);
        }
    }

    /// <summary>Until the gateway is another one or the node stops.</summary>
    async Task ServeAsync(DefaultGateway? v4, DefaultGateway? v6, CancellationToken stop)
    {
        var outbox = new Outbox(1 << 15, 64);
        var inbox = Channel.CreateBounded<Action<PortMapper>>(new BoundedChannelOptions(256) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });
        using var sockets = new GatewaySockets(v4, v6, mark, (datagram, source) => inbox.Writer.TryWrite(mapper => mapper.HandleDatagram(datagram, source, clock.Now)));
        using var http = HttpOf(v4);
        using var http6 = HttpOf(v6);
        var mapper = new PortMapper(GatewayOf(v4), GatewayOf(v6), new PortMapperOptions { Port = port, Secret = secret }, SystemRandom.Shared, outbox, clock.Now);
        _inbox = inbox;
        var lookAgain = clock.Now + s_lookAround;
        var leaving = Instant.Never;
        while (!mapper.IsReleased && clock.Now < leaving)
        {
            sockets.Send(outbox.Batch);
            outbox.Batch.Clear();
            while (mapper.TryTakeRequest(out var request))
                _ = AskAsync((request.Url.Host.Address.IsV4 ? http : http6)!, request, inbox);
            while (mapper.TryTakeEvent(out _))
                Publish(new PortMapperState(mapper.Mapping, mapper.Pinhole, [.. mapper.Found], Asked: true));
            if (_state.Mapping != mapper.Mapping || _state.Pinhole != mapper.Pinhole || !_state.Asked)
                Publish(new PortMapperState(mapper.Mapping, mapper.Pinhole, [.. mapper.Found], Asked: true));

            await WaitAsync(inbox, Instant.Min(Instant.Min(mapper.NextTimeout, lookAgain), leaving), leaving == Instant.Never ? stop : default);
            while (inbox.Reader.TryRead(out var act))
                act(mapper);
            if (mapper.NextTimeout <= clock.Now)
                mapper.HandleTimeout(clock.Now);
            if (lookAgain <= clock.Now)
            {
                lookAgain = clock.Now + s_lookAround;
                // Another network: what was mapped in the one before ends there with its lease.
                if (gateways() != (v4, v6))
                    break;
            }
            if (stop.IsCancellationRequested && leaving == Instant.Never)
            {
                leaving = clock.Now + s_farewell;
                mapper.Release(clock.Now);
            }
        }
        sockets.Send(outbox.Batch);
        _inbox = null;
    }

    async Task AskAsync(GatewayHttp http, GatewayRequest request, Channel<Action<PortMapper>> inbox)
    {
        var body = await http.SendAsync(request, CancellationToken.None);
        await inbox.Writer.WriteAsync(mapper => mapper.HandleReply(request.Number, body, clock.Now));
    }

    async Task WaitAsync(Channel<Action<PortMapper>> inbox, Instant until, CancellationToken stop)
    {
        var wait = until - clock.Now;
        if (wait <= TimeSpan.Zero)
            return;
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(stop);
        timeout.CancelAfter(wait);
        try
        {
            await inbox.Reader.WaitToReadAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            // Time is over, or the node stops.
        }
    }

    void Publish(PortMapperState state)
    {
        _state = state;
        changed(state);
    }

    GatewayHttp? HttpOf(DefaultGateway? found) => found is null ? null : new GatewayHttp(found.Address, found.Own, new LanSocket(found.Interface, mark));

    static Gateway? GatewayOf(DefaultGateway? found) => found is null ? null : new Gateway(found.Address, found.Own);
}

/// <summary>How a node's port stands with the gateway.</summary>
/// <param name="Found">Protocols that the gateway speaks.</param>
/// <param name="Asked">False: it was not asked.</param>
sealed record PortMapperState(Mapping? Mapping, Mapping? Pinhole, IReadOnlyList<MappingProtocol> Found, bool Asked)
{
    public static readonly PortMapperState None = new(null, null, [], Asked: false);
}
