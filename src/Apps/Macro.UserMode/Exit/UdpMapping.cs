using Macro.Core;
using Macro.Core.Packets;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// One UDP port of a session, mapped to one port outside whatever the target (RFC 4787 REQ-1). Lives as long as the client
/// goes on sending; what comes in from outside does not prolong it (REQ-6).
/// </summary>
sealed class UdpMapping : IReactive, ILoopTimer, ILoopWork
{
    const int DatagramsPerTurn = 64;
    const ushort Dns = 53;

    /// <summary>Targets that are remembered for <see cref="UdpFiltering.AddressDependent"/>.</summary>
    const int MostTargets = 256;

    static readonly SocketOptions s_buffers = new() { ReceiveBuffer = 1 << 19, SendBuffer = 1 << 19 };

    readonly UserModeExit _exit;
    readonly ExitSession _session;
    readonly DatagramSocket _socket;
    readonly LinkedListNode<UdpMapping> _node;
    readonly HashSet<IpAddress>? _targets;
    Endpoint _lastTarget, _lastSource;
    Instant _lastUse;
    bool _isQueryOnly = true;
    bool _queued;
    bool _ended;

    UdpMapping(UserModeExit exit, ExitSession session, Endpoint inner, DatagramSocket socket)
    {
        (_exit, _session, Inner, _socket) = (exit, session, inner, socket);
        _node = session.Mappings.AddLast(this);
        _targets = exit.Options.Filtering == UdpFiltering.AddressDependent ? [] : null;
        _lastUse = exit.Loop.Now;
    }

    /// <summary>The client's endpoint: the lease address and its port.</summary>
    internal Endpoint Inner { get; }

    int IDeadline.Place { get; set; }

    TimeSpan Idle => _isQueryOnly ? _exit.Options.QueryIdle : _exit.Options.MappingIdle;

    /// <summary>Null: no socket, or no room to watch one more.</summary>
    internal static UdpMapping? TryStart(UserModeExit exit, ExitSession session, Endpoint inner)
    {
        var any = new Endpoint(inner.Address.IsV4 ? IpAddress.V4Any : IpAddress.V6Any, 0);
        if (DatagramSocket.TryBind(any, s_buffers with { Mark = exit.Options.Mark }, out var socket) != SocketStatus.Ok)
            return null;
        var mapping = new UdpMapping(exit, session, inner, socket);
        // Which of the two it will be, the first datagram tells.
        exit.Loop.SetTimer(mapping, mapping._lastUse + (exit.Options.QueryIdle < exit.Options.MappingIdle ? exit.Options.QueryIdle : exit.Options.MappingIdle));
        if (exit.Loop.Reactor.TryWatch(socket, mapping))
            return mapping;
        mapping.Abort();
        return null;
    }

    /// <summary>From the client. What is returned is to be reported to it.</summary>
    internal IcmpReason Send(Endpoint target, ReadOnlySpan<byte> payload, Instant now)
    {
        if (target != _lastTarget)
        {
            if (!_exit.MayReach(IpProtocol.Udp, target))
                return IcmpReason.Prohibited;
            _lastTarget = target;
            _targets?.Add(target.Address);
            if (_targets?.Count > MostTargets)
                _targets.Remove(_targets.First());
            if (target.Port != Dns)
                _isQueryOnly = false;
        }
        _lastUse = now;
        if (_node.Next is not null)
        {
            _session.Mappings.Remove(_node);
            _session.Mappings.AddLast(_node);
        }
        var status = _socket.TrySend(payload, target);
        if (status == SocketStatus.Ok)
            return IcmpReason.None;
        _exit.Counters.Dropped++;
        return status switch
        {
            SocketStatus.Unreachable => IcmpReason.NoRoute,
            SocketStatus.Prohibited => IcmpReason.Prohibited,
            // Of a datagram that is too long the error queue tells how long it may be.
            SocketStatus.Ok or SocketStatus.WouldBlock or SocketStatus.End or SocketStatus.Reset or SocketStatus.Refused or SocketStatus.TimedOut
                or SocketStatus.TooLong or SocketStatus.AddressInUse or SocketStatus.Exhausted or SocketStatus.Failed => IcmpReason.None,
            _ => IcmpReason.None,
        };
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if (_ended)
            return;
        if ((ready & Readiness.Error) != 0)
            TakeErrors();
        Serve();
    }

    void ILoopWork.Continue()
    {
        _queued = false;
        if (!_ended)
            Serve();
    }

    void ILoopTimer.HandleTimeout(Instant now)
    {
        if (now - _lastUse >= Idle)
            Abort();
        else
            _exit.Loop.SetTimer(this, _lastUse + Idle);
    }

    /// <summary>It was silent for too long, its session is over, or somebody else needs the place.</summary>
    internal void Abort()
    {
        if (_ended)
            return;
        _ended = true;
        _exit.Loop.SetTimer(this, Instant.Never);
        _socket.Dispose();
        _session.Mappings.Remove(_node);
        _exit.Leave(_session, this);
    }

    /// <summary>From outside to the client.</summary>
    void Serve()
    {
        // What does not go now waits in the kernel, whose buffer is this port's own.
        for (var i = 0; i < DatagramsPerTurn && !_exit.Stack.Stack.IsBusyWithDatagrams; i++)
        {
            if (_socket.TryReceive(_exit.Scratch, out var length, out var source) != SocketStatus.Ok)
                return;
            if (!MayCome(source))
                _exit.Counters.Filtered++;
            else if (!_exit.Stack.Stack.TrySend(source, Inner, _exit.Scratch.AsSpan(0, length)))
                _exit.Counters.Dropped++;
        }
        if (_queued)
            return;
        _queued = true;
        _exit.Loop.Later(this);
    }

    /// <summary>Where the client may not send to, nothing comes from either: its network is none of the client's business.</summary>
    bool MayCome(Endpoint source)
    {
        if (source == _lastTarget || source == _lastSource)
            return true;
        if (_targets is not null && !_targets.Contains(source.Address))
            return false;
        if (_exit.Policy.Decide(IpProtocol.Udp, source.Address, source.Port) != Circuits.ExitVerdict.Accept)
            return false;
        _lastSource = source;
        return true;
    }

    /// <summary>ICMP errors about what was sent go back to the client, with its own datagram in them.</summary>
    void TakeErrors()
    {
        for (var i = 0; i < DatagramsPerTurn && _socket.TryTakeError(_exit.Scratch, out var error); i++)
            if (error.ToIcmp(Inner.Address.IsV4) is { Reason: not IcmpReason.None } told)
                _exit.Stack.Stack.TrySendError(told, Inner, error.Destination, _exit.Scratch.AsSpan(0, error.Quoted), _exit.Loop.Now);
    }
}
