using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Daemon.Tcp;

/// <summary>
/// All TCP connections that carry WireGuard messages. To the planes each is an endpoint (<see cref="TcpEndpoint"/>): what they send there is
/// taken out of their batches here, and what comes in goes through a plane of its own, under a lock and as a batch.
/// </summary>
/// <param name="received">Filled with what came in, before each call of <paramref name="handle"/>.</param>
/// <param name="handle">Never called by two threads at once.</param>
/// <param name="lost">A connection that this node had dialled has ended.</param>
sealed class TcpLinks(PacketBatch received, Action handle, Action<Endpoint> lost, TcpLimits limits, IRandom random, Func<Instant> clock) : IDisposable
{
    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    readonly ConcurrentDictionary<Endpoint, TcpLink> _links = new();
    readonly Lock _gate = new(), _admission = new();
    readonly CancellationTokenSource _stopping = new();
    volatile bool _everUsed;
    Instant _windowStart;
    int _inWindow;

    public int Count => _links.Count;

    /// <summary>Connections that were refused because of a limit.</summary>
    public long Refused { get; private set; }

    /// <summary>
    /// Takes the messages for connections out of a batch, and sends them. Until the first connection stands there is nothing to look for,
    /// and later a datagram costs one comparison.
    /// </summary>
    public void TakeOut(PacketBatch batch)
    {
        if (!_everUsed)
            return;
        var some = false;
        foreach (ref var slot in batch.Slots)
        {
            if (!TcpEndpoint.Is(slot.Remote))
                continue;
            if (slot.Length > 0 && _links.TryGetValue(slot.Remote, out var link))
                link.Send(batch.Buffer.AsSpan(slot.Offset, slot.Length));
            slot.Length = 0;
            some = true;
        }
        if (some)
            batch.Compact();
    }

    /// <summary>Whole messages at the beginning of what a connection has brought. False when it must end.</summary>
    /// <param name="taken">Bytes that are done with.</param>
    public bool TryReceive(TcpLink link, ReadOnlySpan<byte> stream, out int taken)
    {
        taken = 0;
        lock (_gate)
        {
            while (true)
            {
                received.Clear();
                var verdict = TcpFrameVerdict.Ok;
                while ((verdict = TcpFrame.TryRead(stream[taken..], out var message, out var size)) == TcpFrameVerdict.Ok && received.TryCopy(message, link.Endpoint))
                    taken += size;
                if (received.Count > 0)
                    handle();
                if (verdict != TcpFrameVerdict.Ok)
                    return verdict == TcpFrameVerdict.Incomplete;
            }
        }
    }

    /// <summary>A connection that came in, if the limits let it.</summary>
    public async Task ServeAsync(Socket socket, IpAddress far, SslServerAuthenticationOptions tls)
    {
        if (!TryAdmit(socket, far, out var link))
        {
            socket.Dispose();
            return;
        }
        await CarryAsync(link, new NetworkStream(link.Socket), stream => stream.AuthenticateAsServerAsync(tls, _stopping.Token));
    }

    /// <summary>Over a socket that is connected. The task ends when the connection stands or has failed.</summary>
    /// <returns>What stands for it; null: there was no TLS.</returns>
    public async Task<Endpoint?> OpenAsync(Socket socket, IpAddress far, SslClientAuthenticationOptions tls)
    {
        var link = Add(socket, far);
        var opened = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _ = RunAsync();
        return await opened.Task ? link.Endpoint : null;

        async Task RunAsync()
        {
            var stands = await CarryAsync(link, new NetworkStream(link.Socket), async stream =>
            {
                await stream.AuthenticateAsClientAsync(tls, _stopping.Token);
                opened.TrySetResult(true);
            });
            if (!opened.TrySetResult(false) && stands)
                lost(link.Endpoint);
        }
    }

    internal TcpLink? Find(Endpoint endpoint) => _links.GetValueOrDefault(endpoint);

    /// <summary>It is needed no more: what waits in it is still sent.</summary>
    public void Close(Endpoint endpoint)
    {
        if (_links.TryGetValue(endpoint, out var link))
            link.Finish();
    }

    /// <summary>Ends those that are overdue. Once a second.</summary>
    public void Sweep(Instant now)
    {
        foreach (var link in _links.Values)
            if (link.IsOverdue(limits, now))
                link.Close();
    }

    public void Dispose()
    {
        _stopping.Cancel();
        foreach (var link in _links.Values)
            link.Close();
    }

    bool TryAdmit(Socket socket, IpAddress far, out TcpLink link)
    {
        lock (_admission)
        {
            var (now, source) = (clock(), TcpEndpoint.Source(far));
            if (now - _windowStart > s_window)
                (_windowStart, _inWindow) = (now, 0);
            if (_inWindow >= limits.InTenSeconds || _links.Count >= limits.Connections
                || _links.Values.Count(other => other.Source == source) >= limits.OfOneSource
                || _links.Values.Count(other => !other.IsProven) >= limits.Unproven)
            {
                Refused++;
                link = null!;
                return false;
            }
            _inWindow++;
            link = Add(socket, far);
            return true;
        }
    }

    TcpLink Add(Socket socket, IpAddress far)
    {
        TcpSocket.Tune(socket);
        var link = new TcpLink(socket, TcpEndpoint.Make(far, random.NextUInt64()), TcpEndpoint.Source(far), clock());
        _links[link.Endpoint] = link;
        _everUsed = true;
        return link;
    }

    /// <summary>TLS, then messages until the end. False when TLS failed.</summary>
    async Task<bool> CarryAsync(TcpLink link, NetworkStream network, Func<SslStream, Task> authenticate)
    {
        try
        {
            await using var tls = new SslStream(network);
            await authenticate(tls);
            await link.RunAsync(tls, this, clock);
            return true;
        }
        catch (Exception e) when (TcpTls.IsEnd(e))
        {
            return false;
        }
        finally
        {
            _links.TryRemove(link.Endpoint, out _);
            link.Dispose();
        }
    }
}
