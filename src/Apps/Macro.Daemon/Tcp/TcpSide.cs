using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using Macro.Core;
using Macro.Daemon.Pump;
using Macro.Linux;

namespace Macro.Daemon.Tcp;

/// <summary>The node's TCP connections: a relay takes them in, where the settings say so; a client makes them where UDP does not pass.</summary>
sealed class TcpSide : IAsyncDisposable
{
    static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(200);

    readonly NodeThreads _threads;
    readonly IpAddress? _bind;
    readonly uint _mark;
    readonly CancellationTokenSource _stopping = new();
    Socket? _listener;
    Task _accepting = Task.CompletedTask;

    /// <param name="bind">The node's one address; null: any.</param>
    public TcpSide(NodeThreads threads, IpAddress? bind, uint mark) => (_threads, _bind, _mark) = (threads, bind, Machine.MayConfigureNetworks ? mark : 0);

    public bool IsListening => _listener is not null;

    /// <summary>Takes connections in from now on.</summary>
    /// <exception cref="SocketException">The port is taken, or not for this user.</exception>
    public void Listen(ushort port)
    {
        if (_listener is not null)
            return;
        _listener = TcpSocket.Listen(_bind, port, _mark);
        _accepting = AcceptAsync(_listener, TcpTls.Server(SystemRandom.Shared, TimeProvider.System.GetUtcNow()));
    }

    /// <summary>Those that stand go on.</summary>
    public async Task StopListeningAsync()
    {
        _listener?.Dispose();
        _listener = null;
        await _accepting;
    }

    /// <summary>On the owner thread, after each of its steps: makes and ends connections as the engine wants.</summary>
    public void Follow()
    {
        while (_threads.Node.Tcp.TryTakeDial(out var far))
            _ = DialAsync(far);
        while (_threads.Node.Tcp.TryTakeHangUp(out var link))
            _threads.Links.Close(link);
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await StopListeningAsync();
        _threads.Links.Dispose();
        _stopping.Dispose();
    }

    async Task DialAsync(Endpoint far)
    {
        var socket = await TcpSocket.ConnectAsync(far, _bind, _mark, _stopping.Token);
        var link = socket is null ? null : await _threads.Links.OpenAsync(socket, far.Address, TcpTls.Client(SystemRandom.Shared));
        try
        {
            await _threads.RunAsync(() =>
            {
                var now = _threads.Clock.Now;
                if (link is { } standing)
                    _threads.Node.Tcp.Connected(far, standing, now);
                else
                    _threads.Node.Tcp.Failed(far, now);
                _threads.Node.Observe(now);
            });
        }
        catch (OperationCanceledException)
        {
            // The node stops.
        }
    }

    async Task AcceptAsync(Socket listener, SslServerAuthenticationOptions tls)
    {
        while (true)
        {
            try
            {
                var socket = await listener.AcceptAsync(_stopping.Token);
                if (socket.RemoteEndPoint is IPEndPoint far)
                    _ = _threads.Links.ServeAsync(socket, IpAddress.FromSystem(far.Address), tls);
                else
                    socket.Dispose();
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException || (e is SocketException && _listener != listener))
            {
                return;
            }
            catch (SocketException)
            {
                // It was gone again, or there are no descriptors left: some will be.
                await Task.Delay(s_pause);
            }
        }
    }
}
