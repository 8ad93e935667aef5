using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// A TCP connection of a session on its way out: the SYN inside waits until it is known what the far end says, then both
/// are spliced, or the client hears why not.
/// </summary>
sealed class ExitConnection : IReactive, IConnectionHandler, ILoopTimer, ISpliceOwner
{
    readonly UserModeExit _exit;
    readonly ExitSession _session;
    readonly TcpConnection _connection;
    readonly StreamSocket _socket;
    readonly LinkedListNode<ExitConnection> _node;
    Splice? _splice;
    bool _ended;

    ExitConnection(UserModeExit exit, ExitSession session, TcpConnection connection, StreamSocket socket)
    {
        (_exit, _session, _connection, _socket) = (exit, session, connection, socket);
        _node = session.Connections.AddLast(this);
    }

    int IDeadline.Place { get; set; }

    /// <summary>Begins to connect; the policy has agreed just before.</summary>
    internal static void Start(UserModeExit exit, ExitSession session, TcpConnection connection)
    {
        var remote = connection.Flow.Local;
        var status = StreamSocket.TryConnect(remote, new SocketOptions { Mark = exit.Options.Mark }, out var socket);
        if (status != SocketStatus.Ok)
        {
            exit.Counters.ConnectFailed++;
            connection.RejectIncoming(FailureOf(status));
            return;
        }
        var started = new ExitConnection(exit, session, connection, socket);
        connection.Context = started;
        exit.NoteBegun();
        exit.Loop.SetTimer(started, exit.Loop.Now + exit.Options.ConnectTimeout);
        if (!exit.Loop.Reactor.TryWatch(socket, started))
            started.Refuse(TcpFailure.OutOfMemory);
    }

    /// <summary>Connecting ended, one way or the other.</summary>
    void IReactive.HandleReady(Readiness ready)
    {
        if (_ended || _splice is not null || (ready & (Readiness.Writable | Readiness.Error | Readiness.HungUp)) == 0)
            return;
        var status = _socket.TakeError();
        if (status == SocketStatus.Ok)
            Join();
        else
            Refuse(FailureOf(status));
    }

    void ILoopTimer.HandleTimeout(Instant now) => Refuse(TcpFailure.TimedOut);

    /// <summary>The client gave up, or its SYN was pushed out by others.</summary>
    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        if (_splice is null && connection.IsClosed)
            Abort();
    }

    void ISpliceOwner.HandleEnd(Splice splice, SpliceEnd end) => End();

    /// <summary>The session is over, or somebody else needs the place.</summary>
    internal void Abort()
    {
        if (_ended)
            return;
        if (_splice is { } splice)
        {
            splice.Abort();
            return;
        }
        _socket.Abort();
        _connection.Context = null;
        _connection.Abort();
        End();
    }

    void Join()
    {
        _exit.Counters.Connected++;
        _exit.Loop.SetTimer(this, Instant.Never);
        _connection.AcceptIncoming();
        var splice = Splice.Start(_exit.Stack, _connection, _socket, _exit.Options.ConnectionIdle, this);
        if (!splice.HasEnded)
            _splice = splice;
    }

    void Refuse(TcpFailure why)
    {
        if (_ended)
            return;
        _exit.Counters.ConnectFailed++;
        _socket.Abort();
        _connection.Context = null;
        _connection.RejectIncoming(why);
        End();
    }

    void End()
    {
        if (_ended)
            return;
        _ended = true;
        _exit.Loop.SetTimer(this, Instant.Never);
        _session.Connections.Remove(_node);
        _exit.NoteEnded(_session);
    }

    static TcpFailure FailureOf(SocketStatus status) => status switch
    {
        SocketStatus.Refused or SocketStatus.Reset => TcpFailure.Refused,
        SocketStatus.TimedOut => TcpFailure.TimedOut,
        SocketStatus.Prohibited => TcpFailure.Prohibited,
        SocketStatus.Ok or SocketStatus.WouldBlock or SocketStatus.End or SocketStatus.Unreachable or SocketStatus.TooLong
            or SocketStatus.AddressInUse or SocketStatus.Exhausted or SocketStatus.Failed => TcpFailure.Unreachable,
        _ => TcpFailure.Unreachable,
    };
}
