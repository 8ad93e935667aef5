using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// The echo requests of a session with one identifier: the kernel gives its ping socket an identifier of its own, which is
/// changed back in the answers (RFC 5508).
/// </summary>
sealed class EchoMapping : IReactive, ILoopTimer
{
    const int MessagesPerTurn = 64;

    readonly UserModeExit _exit;
    readonly ExitSession _session;
    readonly PingSocket _socket;
    Instant _lastUse;
    bool _ended;

    EchoMapping(UserModeExit exit, ExitSession session, Echo request, PingSocket socket)
    {
        (_exit, _session, _socket) = (exit, session, socket);
        (Source, Identifier, _lastUse) = (request.Source, request.Identifier, exit.Loop.Now);
    }

    internal IpAddress Source { get; }

    internal ushort Identifier { get; }

    int IDeadline.Place { get; set; }

    /// <summary>Null where the system does not let this process send echo requests.</summary>
    internal static EchoMapping? TryStart(UserModeExit exit, ExitSession session, Echo request)
    {
        if (PingSocket.TryOpen(request.Source.IsV4, new SocketOptions { Mark = exit.Options.Mark }, out var socket) != SocketStatus.Ok)
            return null;
        var mapping = new EchoMapping(exit, session, request, socket);
        if (!exit.Loop.Reactor.TryWatch(socket, mapping))
        {
            socket.Dispose();
            return null;
        }
        session.Echoes.Add(mapping);
        exit.Loop.SetTimer(mapping, mapping._lastUse + exit.Options.EchoIdle);
        return mapping;
    }

    /// <summary>From the client. What is returned is to be reported to it.</summary>
    internal IcmpReason Send(Echo request, ReadOnlySpan<byte> data, Instant now)
    {
        var message = _exit.Scratch.AsSpan(0, IcmpView.HeaderLength + data.Length);
        message[..IcmpView.HeaderLength].Clear();
        message[0] = (byte)(Source.IsV4 ? 8 : 128);
        BinaryPrimitives.WriteUInt16BigEndian(message[6..], request.SequenceNumber);
        data.CopyTo(message[IcmpView.HeaderLength..]);
        _lastUse = now;
        var status = _socket.TrySend(message, new Endpoint(request.Destination, 0));
        if (status != SocketStatus.Ok)
            _exit.Counters.Dropped++;
        return status == SocketStatus.Unreachable ? IcmpReason.NoRoute : IcmpReason.None;
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if (_ended)
            return;
        if ((ready & Readiness.Error) != 0)
            TakeErrors();
        for (var i = 0; i < MessagesPerTurn; i++)
        {
            if (_socket.TryReceive(_exit.Scratch, out var length, out var from) != SocketStatus.Ok)
                return;
            if (IcmpView.TryParse(_exit.Scratch.AsSpan(0, length), !Source.IsV4, out var icmp) && icmp.IsEchoReply)
                _exit.Stack.Stack.TrySendEchoReply(new Echo(from.Address, Source, Identifier, icmp.SequenceNumber), icmp.Payload);
        }
    }

    void ILoopTimer.HandleTimeout(Instant now)
    {
        if (now - _lastUse >= _exit.Options.EchoIdle)
            Abort();
        else
            _exit.Loop.SetTimer(this, _lastUse + _exit.Options.EchoIdle);
    }

    internal void Abort()
    {
        if (_ended)
            return;
        _ended = true;
        _exit.Loop.SetTimer(this, Instant.Never);
        _socket.Dispose();
        _exit.Leave(_session, this);
    }

    void TakeErrors()
    {
        for (var i = 0; i < MessagesPerTurn && _socket.TryTakeError(_exit.Scratch, out var error); i++)
        {
            // What comes back is the message as it was sent.
            if (error.ToIcmp(Source.IsV4) is not { Reason: not IcmpReason.None } told
                || !IcmpView.TryParse(_exit.Scratch.AsSpan(0, error.Quoted), !Source.IsV4, out var icmp))
                continue;
            var request = new Echo(Source, error.Destination.Address, Identifier, icmp.SequenceNumber);
            _exit.Stack.Stack.TrySendError(told, request, icmp.Payload, _exit.Loop.Now);
        }
    }
}
