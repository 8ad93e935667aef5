using Macro.Core;
using Macro.Core.Packets;
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
    readonly LinkedListNode<ExitConnection> _node;
    StreamSocket? _socket;
    Splice? _splice;
    bool _ended;

    ExitConnection(UserModeExit exit, ExitSession session, TcpConnection connection)
    {
        (_exit, _session, _connection) = (exit, session, connection);
        _node = session.Connections.AddLast(this);
    }

    int IDeadline.Place { get; set; }

    /// <summary>Begins to connect when it is the connection's turn; the policy has agreed just before.</summary>
    internal static void Start(UserModeExit exit, ExitSession session, TcpConnection connection, Instant turn)
    {
        var started = new ExitConnection(exit, session, connection);
        connection.Context = started;
        exit.NoteBegun();
        if (turn > exit.Loop.Now)
            exit.Loop.SetTimer(started, turn);
        else
            started.Connect();
    }

    /// <summary>Connecting ended, one way or the other.</summary>
    void IReactive.HandleReady(Readiness ready)
    {
        if (_ended || _splice is not null || (ready & (Readiness.Writable | Readiness.Error | Readiness.HungUp)) == 0)
            return;
        var status = _socket!.TakeError();
        if (status == SocketStatus.Ok)
            Join();
        else
            Refuse(FailureOf(status));
    }

    void ILoopTimer.HandleTimeout(Instant now)
    {
        if (_socket is not null)
            Refuse(TcpFailure.TimedOut);
        // While it waited, the policy or the machine's addresses may have changed.
        else if (_exit.MayReach(IpProtocol.Tcp, _connection.Flow.Local))
            Connect();
        else
            Refuse(TcpFailure.Prohibited);
    }

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
        _socket?.Abort();
        _connection.Context = null;
        _connection.Abort();
        End();
    }

    void Connect()
    {
        var status = StreamSocket.TryConnect(_connection.Flow.Local, new SocketOptions { Mark = _exit.Options.Mark }, out var socket);
        if (status != SocketStatus.Ok)
        {
            Refuse(FailureOf(status));
            return;
        }
        _socket = socket;
        _exit.Loop.SetTimer(this, _exit.Loop.Now + _exit.Options.ConnectTimeout);
        if (!_exit.Loop.Reactor.TryWatch(socket, this))
            Refuse(TcpFailure.OutOfMemory);
    }

    void Join()
    {
        _exit.Counters.Connected++;
        _exit.Loop.SetTimer(this, Instant.Never);
        _connection.AcceptIncoming();
        var splice = Splice.Start(_exit.Stack, _connection, _socket!, _exit.Options.ConnectionIdle, this);
        if (!splice.HasEnded)
            _splice = splice;
    }

    void Refuse(TcpFailure why)
    {
        if (_ended)
            return;
        _exit.Counters.ConnectFailed++;
        _socket?.Abort();
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
