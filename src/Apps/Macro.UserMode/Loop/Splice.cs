using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>How a splice came to its end.</summary>
public enum SpliceEnd
{
    /// <summary>Both directions ended, and everything was handed over.</summary>
    Finished,

    /// <summary>The stack's connection failed; the socket was closed with a reset.</summary>
    ConnectionFailed,

    /// <summary>The socket failed; the connection was aborted.</summary>
    SocketFailed,

    /// <summary>No byte passed for the idle time.</summary>
    Idle,

    /// <summary>The circuit is gone.</summary>
    StackClosed,
}

/// <summary>Whoever hears of the end of a splice. Under the loop's lock.</summary>
public interface ISpliceOwner
{
    /// <summary>Before the first byte passes; the end may follow in the same call.</summary>
    void HandleBegin(Splice splice) { }

    void HandleEnd(Splice splice, SpliceEnd end);
}

/// <summary>
/// Joins a connection of a stack and a socket of the kernel, and owns both: bytes go from the buffers of one straight to
/// the other, each direction only as fast as its receiver takes them. Half-close passes on as half-close, a reset as a
/// reset. Nothing is allocated per transfer. Lives in a <see cref="StackLoop"/>, under its lock.
/// </summary>
public sealed class Splice : IReactive, IConnectionHandler, IStackMember, ILoopTimer, ILoopWork
{
    /// <summary>Bytes each way before others have their turn.</summary>
    const int BytesPerTurn = 256 * 1024;

    readonly HostedStack _stack;
    readonly TcpConnection _connection;
    readonly StreamSocket _socket;
    readonly ISpliceOwner? _owner;
    readonly TimeSpan _idle;
    readonly SpliceFilter? _filter;
    byte[] _early = [];
    int _earlySent;
    Instant _lastByte;
    bool _socketReadable;
    bool _socketWritable;
    bool _socketEnded;
    bool _upEnded;
    bool _downEnded;
    bool _over;
    bool _queued;

    Splice(HostedStack stack, TcpConnection connection, StreamSocket socket, TimeSpan idle, ISpliceOwner? owner, SpliceFilter? filter)
    {
        (_stack, _connection, _socket, _idle, _owner, _filter) = (stack, connection, socket, idle, owner, filter);
        _lastByte = stack.Loop.Now;
    }

    /// <summary>Bytes from the socket to the connection.</summary>
    public long BytesUp { get; private set; }

    /// <summary>Bytes from the connection to the socket.</summary>
    public long BytesDown { get; private set; }

    public bool HasEnded { get; private set; }

    int IDeadline.Place { get; set; }

    /// <summary>Joins a connection that is established, or accepted, and a socket that is connected. Takes both over.</summary>
    /// <param name="idle">Time without a byte either way after which the splice ends; <see cref="Timeout.InfiniteTimeSpan"/> for never.</param>
    /// <param name="early">Bytes that were read from the socket before, and go first.</param>
    public static Splice Start(
        HostedStack stack, TcpConnection connection, StreamSocket socket, TimeSpan idle,
        ISpliceOwner? owner = null, ReadOnlySpan<byte> early = default, SpliceFilter? filter = null)
    {
        ArgumentNullException.ThrowIfNull(stack);
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(socket);
        var splice = new Splice(stack, connection, socket, idle, owner, filter) { _early = early.ToArray() };
        splice.Begin();
        return splice;
    }

    /// <summary>Breaks both sides off.</summary>
    public void Abort() => Fail(SpliceEnd.SocketFailed);

    void Begin()
    {
        _stack.Join(this);
        _connection.Context = this;
        // Taken to be so until a call says otherwise: the edges of a socket that was watched before have passed.
        (_socketReadable, _socketWritable, _socketEnded) = (true, true, true);
        _owner?.HandleBegin(this);
        if (_idle != Timeout.InfiniteTimeSpan)
            _stack.Loop.SetTimer(this, _lastByte + _idle);
        if (_stack.Loop.Reactor.TryWatch(_socket, this))
            Serve();
        else
            Fail(SpliceEnd.SocketFailed);
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if (HasEnded)
            return;
        if ((ready & Readiness.Error) != 0)
        {
            Fail(SpliceEnd.SocketFailed);
            return;
        }
        _socketReadable |= (ready & (Readiness.Readable | Readiness.PeerEnded | Readiness.HungUp)) != 0;
        _socketEnded |= (ready & (Readiness.PeerEnded | Readiness.HungUp)) != 0;
        _socketWritable |= (ready & Readiness.Writable) != 0;
        // The request was read to its end, so this is the client going away: nobody waits for the answer.
        if (_upEnded && _filter is not null && (ready & Readiness.PeerEnded) != 0)
            Fail(SpliceEnd.SocketFailed);
        else
            Serve();
    }

    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        if (!HasEnded)
            Serve();
    }

    void IStackMember.HandleStackClosed() => Fail(SpliceEnd.StackClosed);

    void ILoopTimer.HandleTimeout(Instant now)
    {
        if (now - _lastByte >= _idle)
            Fail(SpliceEnd.Idle);
        else
            _stack.Loop.SetTimer(this, _lastByte + _idle);
    }

    void ILoopWork.Continue()
    {
        _queued = false;
        if (!HasEnded)
            Serve();
    }

    void Serve()
    {
        var up = MoveUp();
        var down = up && MoveDown();
        if (_over)
            Finish();
        else if (!up || !down)
            Fail(_connection.Failure != TcpFailure.None ? SpliceEnd.ConnectionFailed : SpliceEnd.SocketFailed);
        else if (_connection.Failure != TcpFailure.None)
            Fail(SpliceEnd.ConnectionFailed);
        else if (_downEnded && (_upEnded || _connection.IsClosed))
            Finish();
    }

    /// <summary>Socket to connection. False when the socket failed.</summary>
    bool MoveUp()
    {
        var moved = 0;
        while (!_upEnded)
        {
            if (moved >= BytesPerTurn)
            {
                ComeAgain();
                break;
            }
            if (_earlySent < _early.Length)
            {
                if (!MoveEarly())
                    break;
                continue;
            }
            if (!_socketReadable)
                break;
            var room = _connection.Writable;
            if (room.IsEmpty)
                break;
            var status = _socket.TryReceive(room, out var count);
            if (status == SocketStatus.Ok)
            {
                // Less than was asked for: nothing is left, and the next byte makes an edge. Unless the end may be waiting.
                _socketReadable = count == room.Length || _socketEnded;
                Pass(room[..count]);
                moved += count;
                continue;
            }
            _connection.Commit(0);
            if (status == SocketStatus.WouldBlock)
                (_socketReadable, _socketEnded) = (false, false);
            else if (status == SocketStatus.End)
                EndUp(shutdown: true);
            else
                return false;
        }
        return true;
    }

    bool MoveEarly()
    {
        var room = _connection.Writable;
        if (room.IsEmpty)
            return false;
        var count = Math.Min(room.Length, _early.Length - _earlySent);
        _early.AsSpan(_earlySent, count).CopyTo(room);
        _earlySent += count;
        if (_earlySent == _early.Length)
            (_early, _earlySent) = ([], 0);
        Pass(room[..count]);
        return true;
    }

    /// <summary>Commits bytes that lie in the connection's room.</summary>
    void Pass(ReadOnlySpan<byte> bytes)
    {
        var count = bytes.Length;
        var ended = false;
        if (_filter is not null)
            count = _filter.TakeUp(bytes, out ended);
        _connection.Commit(count);
        BytesUp += count;
        _lastByte = _stack.Loop.Now;
        if (ended)
            EndUp(shutdown: false);
    }

    void EndUp(bool shutdown)
    {
        _upEnded = true;
        _early = [];
        if (shutdown)
            _connection.Shutdown();
    }

    /// <summary>Connection to socket. False when the socket failed.</summary>
    bool MoveDown()
    {
        var moved = 0;
        while (!_downEnded && _socketWritable)
        {
            if (moved >= BytesPerTurn)
            {
                ComeAgain();
                break;
            }
            var readable = _connection.Readable;
            if (_filter is { IsPassing: false } && !readable.IsEmpty)
            {
                _connection.Consume(_filter.TakeDown(readable));
                readable = default;
            }
            var pending = _filter is null ? default : _filter.PendingDown;
            if (pending.IsEmpty && _filter is { IsOver: true })
            {
                _over = true;
                break;
            }
            if (pending.IsEmpty && readable.IsEmpty)
            {
                if (_filter is { IsPassing: false } && !_connection.Readable.IsEmpty)
                    continue;
                if (!_connection.IsEndOfStream)
                    break;
                if (_filter is null || _filter.EndDown())
                {
                    _socket.ShutdownSend();
                    _downEnded = true;
                }
                continue;
            }
            var status = _socket.TrySend(pending.IsEmpty ? readable : pending, out var count);
            if (status == SocketStatus.WouldBlock)
                _socketWritable = false;
            else if (status != SocketStatus.Ok)
                return false;
            else if (pending.IsEmpty)
                _connection.Consume(count);
            else
                _filter!.SentDown(count);
            BytesDown += count;
            moved += count;
            if (count > 0)
                _lastByte = _stack.Loop.Now;
        }
        return true;
    }

    void ComeAgain()
    {
        if (_queued)
            return;
        _queued = true;
        _stack.Loop.Later(this);
    }

    /// <summary>Both streams are through. The stack brings the last bytes to the peer on its own.</summary>
    void Finish()
    {
        _socket.Dispose();
        if (_over)
            _connection.Abort();
        else
            // An exchange whose request ended by its own length leaves the connection open on our side.
            _connection.Shutdown();
        End(SpliceEnd.Finished);
    }

    void Fail(SpliceEnd why)
    {
        if (HasEnded)
            return;
        if (why is (SpliceEnd.ConnectionFailed or SpliceEnd.StackClosed) && AnswersFailure())
            _socket.Dispose();
        else
            _socket.Abort();
        _connection.Abort();
        End(why);
    }

    /// <summary>A filter may have something to say about a connection that failed before it said anything itself.</summary>
    bool AnswersFailure() =>
        _filter is { IsPassing: false } && !_filter.EndDown() && _socket.TrySend(_filter.PendingDown, out var count) == SocketStatus.Ok
        && count == _filter.PendingDown.Length;

    void End(SpliceEnd end)
    {
        HasEnded = true;
        _connection.Context = null;
        _early = [];
        _filter?.Release();
        _stack.Loop.SetTimer(this, Instant.Never);
        _stack.Leave(this);
        _owner?.HandleEnd(this, end);
    }
}
