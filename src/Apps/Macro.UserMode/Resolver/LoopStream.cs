using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>Whoever uses a <see cref="LoopStream"/>.</summary>
interface ILoopStreamOwner
{
    /// <summary>There may be bytes to receive, or the stream ended, or everything that waited was sent. Under the loop's lock.</summary>
    void HandleStream(LoopStream stream);
}

/// <summary>
/// A byte stream in a <see cref="StackLoop"/> for small messages, be it a connection of a stack or a socket of the kernel.
/// What the far end does not take yet waits here, up to a bound. Under the loop's lock.
/// </summary>
abstract class LoopStream
{
    const int MostWaiting = 256 * 1024;

    byte[] _waiting = [];
    int _waitingCount;

    public ILoopStreamOwner? Owner { get; set; }

    /// <summary>Nothing more will be received.</summary>
    public abstract bool HasEnded { get; }

    public bool IsFlushed => _waitingCount == 0;

    /// <summary>Takes what is there. 0: nothing now.</summary>
    public abstract int Receive(Span<byte> room);

    /// <summary>Gives the stream up at once; what was not sent is lost. No call comes after it.</summary>
    public abstract void Abort();

    /// <summary>Ends the stream after what was sent before. No call comes after it.</summary>
    public void Close()
    {
        Owner = null;
        if (IsFlushed)
            Finish();
        else
            Abort();
    }

    protected abstract void Finish();

    /// <summary>Sends, or keeps until there is room. False: the stream is over, or its far end takes nothing.</summary>
    public bool Send(ReadOnlySpan<byte> bytes)
    {
        var taken = _waitingCount == 0 ? Push(bytes) : 0;
        if (taken < 0)
            return false;
        bytes = bytes[taken..];
        if (_waitingCount + bytes.Length > MostWaiting)
            return false;
        if (_waiting.Length < _waitingCount + bytes.Length)
            Array.Resize(ref _waiting, Math.Max(1024, 2 * (_waitingCount + bytes.Length)));
        bytes.CopyTo(_waiting.AsSpan(_waitingCount));
        _waitingCount += bytes.Length;
        return true;
    }

    /// <summary>Hands over as much as is taken now; -1: the stream is over.</summary>
    protected abstract int Push(ReadOnlySpan<byte> bytes);

    protected void Continue()
    {
        while (_waitingCount > 0 && Push(_waiting.AsSpan(0, _waitingCount)) is > 0 and var taken)
        {
            _waiting.AsSpan(taken, _waitingCount - taken).CopyTo(_waiting);
            _waitingCount -= taken;
        }
        Owner?.HandleStream(this);
    }
}

/// <summary>A connection of a stack.</summary>
sealed class ConnectionStream : LoopStream, IConnectionHandler
{
    readonly TcpConnection _connection;

    public ConnectionStream(TcpConnection connection)
    {
        _connection = connection;
        connection.Context = this;
    }

    public TcpFailure Failure => _connection.Failure;

    public override bool HasEnded => _connection.IsEndOfStream || _connection.IsClosed;

    public override int Receive(Span<byte> room)
    {
        var readable = _connection.Readable;
        var count = Math.Min(readable.Length, room.Length);
        readable[..count].CopyTo(room);
        if (count > 0)
            _connection.Consume(count);
        return count;
    }

    public override void Abort()
    {
        (_connection.Context, Owner) = (null, null);
        _connection.Abort();
    }

    protected override void Finish()
    {
        _connection.Context = null;
        _connection.Shutdown();
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection) => Continue();

    protected override int Push(ReadOnlySpan<byte> bytes)
    {
        if (_connection.IsClosed)
            return -1;
        var sent = 0;
        while (sent < bytes.Length && _connection.Writable is { IsEmpty: false } room)
        {
            var count = Math.Min(room.Length, bytes.Length - sent);
            bytes.Slice(sent, count).CopyTo(room);
            _connection.Commit(count);
            sent += count;
        }
        return sent;
    }
}

/// <summary>A socket of the kernel.</summary>
sealed class SocketStream : LoopStream, IReactive
{
    readonly StreamSocket _socket;
    bool _ended;

    SocketStream(StreamSocket socket) => _socket = socket;

    /// <summary>Takes a socket that connects or is connected; null when the reactor has no room for it.</summary>
    public static SocketStream? Over(StreamSocket socket, Reactor reactor)
    {
        var stream = new SocketStream(socket);
        if (reactor.TryWatch(socket, stream))
            return stream;
        socket.Dispose();
        return null;
    }

    public override bool HasEnded => _ended;

    public override int Receive(Span<byte> room)
    {
        var status = _socket.TryReceive(room, out var count);
        _ended |= status is not (SocketStatus.Ok or SocketStatus.WouldBlock);
        return count;
    }

    public override void Abort()
    {
        Owner = null;
        _ended = true;
        _socket.Dispose();
    }

    protected override void Finish()
    {
        _ended = true;
        _socket.Dispose();
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if ((ready & (Readiness.Error | Readiness.HungUp)) != 0 && _socket.TakeError() != SocketStatus.Ok)
            _ended = true;
        Continue();
    }

    protected override int Push(ReadOnlySpan<byte> bytes) => _socket.TrySend(bytes, out var count) switch
    {
        SocketStatus.Ok => count,
        // While it connects there is nobody to send to yet.
        SocketStatus.WouldBlock => 0,
        SocketStatus.Reset when !_ended => 0,
        _ => -1,
    };
}
