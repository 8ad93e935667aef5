using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// A UDP association of SOCKS 5 (RFC 1928 7): datagrams of one client through one port of a stack, and through one of another stack for
/// sites with exits of their own. The relay's socket is bound where the client reached the proxy, and takes datagrams from the client's
/// address only. It ends with the client's TCP connection, with the first circuit, or when nothing has passed for a while. Fragments
/// are refused.
/// </summary>
sealed class UdpAssociation : IReactive, ILoopTimer, ILoopWork
{
    /// <summary>Names whose addresses are remembered, and datagrams that wait for one.</summary>
    const int MostNames = 64;

    const int DatagramsPerTurn = 128;
    const int MostBytes = 65535;

    readonly ProxyServer _server;
    readonly List<AssociatedPort> _ports;
    readonly StreamSocket _control;
    readonly DatagramSocket _relay;
    readonly string _user;
    readonly IpAddress _client;
    readonly Dictionary<string, AssociatedName> _names = new(StringComparer.Ordinal);
    Endpoint _clientPort;
    Instant _lastDatagram;
    bool _queued;
    bool _ended;

    UdpAssociation(ProxyServer server, HostedStack stack, StreamSocket control, DatagramSocket relay, Handshake request)
    {
        (_server, _control, _relay, _user) = (server, control, relay, request.User);
        _ports = [new AssociatedPort(this, stack)];
        _client = control.Remote.Address;
        _lastDatagram = Now;
        // A client that says from where it will send is held to it; others are by their first datagram.
        if (request.Target is { Name: null, Port: > 0 } from && (from.Address == _client || from.Address.IsAny))
            _clientPort = new Endpoint(_client, from.Port);
    }

    /// <summary>Where the client is to send its datagrams.</summary>
    internal Endpoint Relay => _relay.Local;

    int IDeadline.Place { get; set; }

    internal IpAddress Source => _client;

    internal ProxyServer Server => _server;

    internal Instant Now => Loop.Now;

    StackLoop Loop => _server.Loop;

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

    void ILoopTimer.HandleTimeout(Instant now)
    {
        var idle = _server.Options.AssociationTimeout;
        if (now - _lastDatagram >= idle)
            End();
        else
            Loop.SetTimer(this, _lastDatagram + idle);
    }

    internal void End()
    {
        if (_ended)
            return;
        _ended = true;
        Loop.SetTimer(this, Instant.Never);
        foreach (var port in _ports)
            port.Close();
        _ports.Clear();
        _names.Clear();
        _relay.Dispose();
        _control.Dispose();
        _server.Leave(this);
    }

    /// <summary>Passes a datagram on.</summary>
    internal void Send(AssociatedPort port, Endpoint remote, ReadOnlySpan<byte> payload)
    {
        if (!_ended && port.TrySend(remote, payload))
            _lastDatagram = Now;
    }

    /// <summary>Takes a datagram that came out of a circuit.</summary>
    internal void Receive(Endpoint remote, ReadOnlySpan<byte> payload)
    {
        if (_ended || _clientPort.IsNone)
            return;
        var datagram = _server.Scratch;
        var header = Socks5.WriteDatagramHeader(datagram, remote);
        if (header + payload.Length > MostBytes)
            return;
        payload.CopyTo(datagram[header..]);
        _ = _relay.TrySend(datagram[..(header + payload.Length)], _clientPort);
        _lastDatagram = Now;
    }

    /// <summary>The port in a circuit that was given for a site; null: it is too late.</summary>
    internal AssociatedPort? PortIn(HostedStack stack)
    {
        if (_ended)
            return null;
        var port = _ports.Find(other => other.Stack == stack);
        if (port is null)
        {
            _ports.Add(port = new AssociatedPort(this, stack));
            stack.Join(port);
        }
        return port;
    }

    /// <summary>A circuit is gone. Sites that it led to are asked for anew.</summary>
    internal void Lose(AssociatedPort port)
    {
        if (_ended || _ports[0] != port)
            _ports.Remove(port);
        else
            End();
    }

    internal void Forget(string name, AssociatedName known)
    {
        if (_names.TryGetValue(name, out var current) && current == known)
            _names.Remove(name);
    }

    bool TryEnter()
    {
        if (!Loop.Reactor.TryWatch(_relay, this) || !Loop.Reactor.TryWatch(_control, new ControlWatch(this)))
            return false;
        _ports[0].Stack.Join(_ports[0]);
        _server.Enter(this);
        Loop.SetTimer(this, Now + _server.Options.AssociationTimeout);
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
            Send(_ports[0], new Endpoint(target.Address, target.Port), payload);
        else
            SendToName(target.Name, target.Port, payload);
    }

    void SendToName(string name, ushort port, ReadOnlySpan<byte> payload)
    {
        if (ReservedNames.IsLocal(name) || ReservedNames.HasNoAddress(name))
            return;
        if (_names.TryGetValue(name, out var known))
        {
            if (known.TrySend(port, payload, Now))
                return;
            _names.Remove(name);
        }
        if (_names.Count >= MostNames)
            return;
        var asked = _names[name] = new AssociatedName(this, _server.KeyOf(_user, name), name, port, payload);
        asked.Start();
    }

    void ComeAgain()
    {
        if (_queued)
            return;
        _queued = true;
        Loop.Later(this);
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
