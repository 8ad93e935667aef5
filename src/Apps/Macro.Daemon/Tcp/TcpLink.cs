using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Daemon.Tcp;

/// <summary>
/// One connection: messages out from any thread, messages in to <see cref="TcpLinks"/>. What the other end does not take in time is
/// dropped, as a network would: WireGuard and what is inside it know how to live with that.
/// </summary>
sealed class TcpLink : IDisposable
{
    const int QueueBytes = 64 * 1024, ReadBytes = 32 * 1024;

    readonly Lock _gate = new();
    readonly SemaphoreSlim _wake = new(0, 1);
    byte[] _filling = ArrayPool<byte>.Shared.Rent(QueueBytes), _sending = ArrayPool<byte>.Shared.Rent(QueueBytes);
    int _filled;
    long _heardAt, _writingSince;
    volatile bool _isProven, _isFinishing, _closed;

    /// <param name="socket">Owned.</param>
    /// <param name="isOurs">This end has dialled.</param>
    public TcpLink(Socket socket, Endpoint endpoint, ulong source, Instant now) =>
        (Socket, Endpoint, Source, OpenedAt, _heardAt) = (socket, endpoint, source, now, now.Ticks);

    public Socket Socket { get; }

    /// <summary>What stands for it.</summary>
    public Endpoint Endpoint { get; }

    /// <summary><see cref="TcpEndpoint.Source"/></summary>
    public ulong Source { get; }

    public Instant OpenedAt { get; }

    /// <summary>This node had something to say to the other end: it is no stranger any more.</summary>
    public bool IsProven => _isProven;

    /// <summary>Messages that found no room.</summary>
    public long Dropped { get; private set; }

    /// <summary>It has gone past one of the limits.</summary>
    public bool IsOverdue(TcpLimits limits, Instant now) =>
        (!_isProven && now - OpenedAt > limits.Handshake)
        || now - new Instant(Volatile.Read(ref _heardAt)) > limits.Idle
        || (Volatile.Read(ref _writingSince) is var since && since != 0 && now - new Instant(since) > limits.Stuck);

    /// <summary>Copies the message; never waits. Any thread.</summary>
    public void Send(ReadOnlySpan<byte> message)
    {
        lock (_gate)
        {
            if (_closed || _isFinishing || !TcpFrame.TryWrite(message, _filling.AsSpan(_filled, QueueBytes - _filled), out var size))
            {
                Dropped++;
                return;
            }
            _filled += size;
            _isProven = true;
            Wake();
        }
    }

    /// <summary>Carries messages both ways until the connection ends, by whomever.</summary>
    public async Task RunAsync(SslStream stream, TcpLinks links, Func<Instant> clock)
    {
        var writing = WriteAsync(stream, clock);
        await ReadAsync(stream, links, clock);
        Close();
        await writing;
        ArrayPool<byte>.Shared.Return(_filling);
        ArrayPool<byte>.Shared.Return(_sending);
    }

    /// <summary>Any thread, any number of times.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _closed = true;
            Wake();
        }
        Socket.Dispose();
    }

    /// <summary>Takes no more, and ends it when all that waits is sent and the other end has ended it too.</summary>
    public void Finish()
    {
        lock (_gate)
        {
            if (_closed)
                return;
            _isFinishing = true;
            Wake();
        }
    }

    public void Dispose()
    {
        Close();
        _wake.Dispose();
    }

    void Wake()
    {
        if (_wake.CurrentCount == 0)
            _wake.Release();
    }

    async Task ReadAsync(Stream stream, TcpLinks links, Func<Instant> clock)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(ReadBytes);
        var filled = 0;
        try
        {
            while (await stream.ReadAsync(buffer.AsMemory(filled, ReadBytes - filled)) is > 0 and var count)
            {
                filled += count;
                if (!links.TryReceive(this, buffer.AsSpan(0, filled), out var taken))
                    return;
                if (taken > 0)
                    Volatile.Write(ref _heardAt, clock().Ticks);
                buffer.AsSpan(taken, filled - taken).CopyTo(buffer);
                filled -= taken;
            }
        }
        catch (Exception e) when (TcpTls.IsEnd(e))
        {
            // Gone; whose fault does not matter.
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    async Task WriteAsync(SslStream stream, Func<Instant> clock)
    {
        try
        {
            while (true)
            {
                await _wake.WaitAsync();
                int count;
                bool isLast;
                lock (_gate)
                {
                    (_filling, _sending, count, _filled) = (_sending, _filling, _filled, 0);
                    isLast = _isFinishing;
                }
                if (_closed)
                    return;
                Volatile.Write(ref _writingSince, clock().Ticks);
                await stream.WriteAsync(_sending.AsMemory(0, count));
                if (isLast)
                {
                    // Closing it now could reset it, and what the other end has not read yet would be lost: ReadAsync waits for its end,
                    // within the time of a write. Without TLS's own end: SslStream cannot make it while it reads.
                    Socket.Shutdown(SocketShutdown.Send);
                    return;
                }
                Volatile.Write(ref _writingSince, 0);
            }
        }
        catch (Exception e) when (TcpTls.IsEnd(e))
        {
            Close();
        }
    }
}
