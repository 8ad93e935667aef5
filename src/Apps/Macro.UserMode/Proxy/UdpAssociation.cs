using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// A UDP association of SOCKS 5 (RFC 1928 7): datagrams of one client through one port of a stack. The relay's socket is
/// bound where the client reached the proxy, and takes datagrams from the client's address only. It ends with the client's
/// TCP connection, with the circuit, or when nothing has passed for a while. Fragments are refused.
/// </summary>
sealed class UdpAssociation : IReactive, IUdpHandler, IStackMember, ILoopTimer, ILoopWork
{
    /// <summary>Names whose addresses are remembered, and datagrams that wait for one.</summary>
    const int MostNames = 64;

    const int DatagramsPerTurn = 128;
    const int MostBytes = 65535;

    readonly ProxyServer _server;
    readonly HostedStack _stack;
    readonly StreamSocket _control;
    readonly DatagramSocket _relay;
    readonly string _isolationKey;
    readonly IpAddress _client;
    readonly Dictionary<string, AssociatedName> _names = new(StringComparer.Ordinal);
    Endpoint _clientPort;
    Endpoint _localV4;
    Endpoint _localV6;
    Instant _lastDatagram;
    bool _queued;
    bool _ended;

    UdpAssociation(ProxyServer server, HostedStack stack, StreamSocket control, DatagramSocket relay, Handshake request)
    {
        (_server, _stack, _control, _relay, _isolationKey) = (server, stack, control, relay, request.IsolationKey);
        _client = control.Remote.Address;
        _lastDatagram = stack.Loop.Now;
        // A client that says from where it will send is held to it; others are by their first datagram.
        if (request.Target is { Name: null, Port: > 0 } from && (from.Address == _client || from.Address.IsAny))
            _clientPort = new Endpoint(_client, from.Port);
    }

    /// <summary>Where the client is to send its datagrams.</summary>
    internal Endpoint Relay => _relay.Local;

    int IDeadline.Place { get; set; }

    internal IpAddress Source => _client;

    internal Instant Now => _stack.Loop.Now;

    /// <summary>Opens the relay. On success the association owns the client's connection.</summary>
    internal static ProxyFailure TryStart(ProxyServer server, HostedStack stack, StreamSocket control, Handshake request, out UdpAssociation? association)
    {
        association = null;
        if (!server.MayAssociate)
            return ProxyFailure.Busy;
        var options = new SocketOptions { Mark = server.Options.Mark, ReceiveBuffer = 1 << 20, SendBuffer = 1 << 20 };
        if (DatagramSocket.TryBind(control.Local with { Port = 0 }, options, out var relay) != SocketStatus.Ok)
            return ProxyFailure.Busy;
        var started = new UdpAssociation(server, stack, control, relay, request);
        if (!started.TryEnter())
        {
            relay.Dispose();
            return ProxyFailure.Busy;
        }
        association = started;
        return ProxyFailure.None;
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if (!_ended)
            Serve();
    }

    void ILoopWork.Continue()
    {
        _queued = false;
        if (!_ended)
            Serve();
    }

    IcmpReason IUdpHandler.Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        if (_ended || _clientPort.IsNone)
            return IcmpReason.None;
        var datagram = _server.Scratch;
        var header = Socks5.WriteDatagramHeader(datagram, remote);
        if (header + payload.Length > MostBytes)
            return IcmpReason.None;
        payload.CopyTo(datagram[header..]);
        _ = _relay.TrySend(datagram[..(header + payload.Length)], _clientPort);
        _lastDatagram = now;
        return IcmpReason.None;
    }

    /// <summary>SOCKS has no words for it; the application's own time-outs must do.</summary>
    void IUdpHandler.HandleError(Endpoint local, Endpoint remote, IcmpError error) { }

    void IStackMember.HandleStackClosed() => End();

    void ILoopTimer.HandleTimeout(Instant now)
    {
        var idle = _server.Options.AssociationTimeout;
        if (now - _lastDatagram >= idle)
            End();
        else
            _stack.Loop.SetTimer(this, _lastDatagram + idle);
    }

    internal void End()
    {
        if (_ended)
            return;
        _ended = true;
        _stack.Loop.SetTimer(this, Instant.Never);
        _stack.Leave(this);
        if (!_localV4.IsNone)
            _stack.Stack.Unbind(_localV4);
        if (!_localV6.IsNone)
            _stack.Stack.Unbind(_localV6);
        _names.Clear();
        _relay.Dispose();
        _control.Dispose();
        _server.Leave(this);
    }

    /// <summary>Passes a datagram on whose name is now known.</summary>
    internal void SendNow(Endpoint remote, ReadOnlySpan<byte> payload)
    {
        if (_ended || !TryGetLocal(remote.Address.IsV4, out var local))
            return;
        _ = _stack.Stack.TrySend(local, remote, payload);
        _lastDatagram = _stack.Loop.Now;
    }

    internal void Forget(string name) => _names.Remove(name);

    bool TryEnter()
    {
        var loop = _stack.Loop;
        if (!loop.Reactor.TryWatch(_relay, this) || !loop.Reactor.TryWatch(_control, new ControlWatch(this)))
            return false;
        _stack.Join(this);
        _server.Enter(this);
        loop.SetTimer(this, loop.Now + _server.Options.AssociationTimeout);
        return true;
    }

    void Serve()
    {
        var datagram = _server.Scratch;
        for (var count = 0; !_ended; count++)
        {
            if (count == DatagramsPerTurn)
            {
                ComeAgain();
                return;
            }
            if (_relay.TryReceive(datagram, out var length, out var from) != SocketStatus.Ok)
                break;
            Take(datagram[..length], from);
        }
        // The error queue only repeats that the client's port is closed; emptied, it does not keep waking us.
        while (!_ended && _relay.TryTakeError([], out _))
        {
        }
    }

    void Take(ReadOnlySpan<byte> datagram, Endpoint from)
    {
        if (from.Address != _client || !_clientPort.IsNone && from != _clientPort
            || !Socks5.TryParseDatagram(datagram, out var target, out var header))
            return;
        _clientPort = from;
        var payload = datagram[header..];
        if (target.Name is null)
            SendNow(new Endpoint(target.Address, target.Port), payload);
        else
            SendToName(target.Name, target.Port, payload);
    }

    void SendToName(string name, ushort port, ReadOnlySpan<byte> payload)
    {
        if (ReservedNames.IsLocal(name) || ReservedNames.HasNoAddress(name))
            return;
        if (_names.TryGetValue(name, out var known))
        {
            if (known.TrySend(port, payload, _stack.Loop.Now))
                return;
            _names.Remove(name);
        }
        if (_names.Count >= MostNames)
            return;
        var asked = _names[name] = new AssociatedName(this, name, port, payload);
        _server.Names.Resolve(_stack, _isolationKey, name, asked);
    }

    bool TryGetLocal(bool v4, out Endpoint local)
    {
        ref var bound = ref v4 ? ref _localV4 : ref _localV6;
        if (bound.IsNone && _stack.Stack.TryBind(v4, this, out var port))
            bound = port;
        local = bound;
        return !bound.IsNone;
    }

    void ComeAgain()
    {
        if (_queued)
            return;
        _queued = true;
        _stack.Loop.Later(this);
    }

    /// <summary>The client's TCP connection: nothing is expected there but its end.</summary>
    sealed class ControlWatch(UdpAssociation association) : IReactive
    {
        public void HandleReady(Readiness ready)
        {
            Span<byte> room = stackalloc byte[256];
            for (var reads = 0; reads < 16; reads++)
            {
                var status = association._control.TryReceive(room, out _);
                if (status == SocketStatus.WouldBlock)
                    return;
                if (status != SocketStatus.Ok)
                    break;
            }
            association.End();
        }
    }
}
