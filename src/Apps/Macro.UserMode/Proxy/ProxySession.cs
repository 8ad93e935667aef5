using System.Buffers;
using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// One client of the proxy, from its first byte until its bytes pass: the handshake, the circuit of its isolation key, the
/// connection to its target. Then a splice or an association takes the socket over.
/// </summary>
sealed class ProxySession : IReactive, ICircuitWaiter, IConnectWaiter, IStackMember, ILoopTimer
{
    /// <summary>How long a client that was refused may go on sending, so that it reads why before it meets a reset.</summary>
    static readonly TimeSpan s_lingering = TimeSpan.FromSeconds(3);

    const int FirstBuffer = 1024;

    enum Phase
    {
        Handshake,
        Opening,
        Connecting,
        Refused,
        Ended,
    }

    readonly ProxyServer _server;
    readonly StreamSocket _socket;
    Handshake? _handshake;
    byte[] _input = ArrayPool<byte>.Shared.Rent(FirstBuffer);
    int _inputLength;
    IsolationKey _key;
    HostedStack? _stack;
    TargetConnector? _connector;
    Phase _phase;

    readonly LinkedListNode<ProxySession> _idle;

    internal ProxySession(ProxyServer server, StreamSocket socket)
    {
        (_server, _socket) = (server, socket);
        _idle = new LinkedListNode<ProxySession>(this);
    }

    internal IpAddress Source => _socket.Remote.Address;

    int IDeadline.Place { get; set; }

    StackLoop Loop => _server.Loop;

    internal void Start()
    {
        _server.Enter(_idle);
        Loop.SetTimer(this, Loop.Now + _server.Options.HandshakeTimeout);
        if (!Loop.Reactor.TryWatch(_socket, this))
            Break();
    }

    /// <summary>Ends it at once, whatever it was doing.</summary>
    internal void Break()
    {
        if (_phase == Phase.Ended)
            return;
        _socket.Abort();
        End();
    }

    void IReactive.HandleReady(Readiness ready)
    {
        if ((ready & (Readiness.Error | Readiness.HungUp)) != 0)
            Break();
        else if ((ready & Readiness.Readable) == 0)
            return;
        else if (_phase == Phase.Handshake)
            Read();
        else if (_phase == Phase.Refused)
            Discard();
    }

    void ILoopTimer.HandleTimeout(Instant now)
    {
        if (_phase == Phase.Opening)
            Refuse(ProxyFailure.CircuitFailed);
        else if (_phase == Phase.Connecting)
            Refuse(ProxyFailure.TimedOut);
        else
            Break();
    }

    void ICircuitWaiter.HandleCircuit(HostedStack? stack, CircuitRefusal refusal)
    {
        if (_phase != Phase.Opening)
            return;
        if (stack is null || stack.IsClosed)
        {
            Refuse(ProxyFailures.Of(refusal));
            return;
        }
        _stack = stack;
        _stack.Join(this);
        _phase = Phase.Connecting;
        if (_handshake!.Command == ProxyCommand.Associate)
        {
            Associate();
            return;
        }
        _connector = new TargetConnector(stack, _server.Names, _key, _handshake.Target, this);
        _connector.Start();
    }

    void IConnectWaiter.HandleConnected(TcpConnection? connection, ProxyFailure failure)
    {
        if (connection is null)
        {
            Refuse(failure);
            return;
        }
        Span<byte> answer = stackalloc byte[Handshake.MaxAnswer];
        if (!TrySend(answer[.._handshake!.WriteSuccess(answer, default)]))
        {
            connection.Context = null;
            connection.Abort();
            Break();
            return;
        }
        var early = _input.AsSpan(0, _inputLength);
        var exchange = _handshake is HttpHandshake { Command: ProxyCommand.Forward } request ? request : null;
        // The session ends first: its timer and its place in the stack are gone when the splice enters its own.
        var (stack, input) = (_stack!, _input);
        _input = [];
        End();
        Splice.Start(
            stack, connection, _socket, _server.Options.IdleTimeout, _server.Enter(Source),
            exchange is null ? early : [.. exchange.ForwardedHead, .. early],
            exchange is null ? null : new HttpExchange(exchange));
        ArrayPool<byte>.Shared.Return(input);
    }

    void IStackMember.HandleStackClosed() => Refuse(ProxyFailure.CircuitFailed);

    void Read()
    {
        while (_phase == Phase.Handshake)
        {
            var most = _handshake?.MaxInput ?? 1;
            if (_inputLength == _input.Length)
                Grow(most);
            var status = _socket.TryReceive(_input.AsSpan(_inputLength), out var count);
            if (status == SocketStatus.WouldBlock)
                return;
            if (status != SocketStatus.Ok)
            {
                Break();
                return;
            }
            _inputLength += count;
            Advance();
        }
    }

    /// <summary>The parsers say "too long" before their bound is reached: the buffer only needs to reach it.</summary>
    void Grow(int most)
    {
        var larger = ArrayPool<byte>.Shared.Rent(Math.Min(4 * _input.Length, Math.Max(most, _input.Length) + 1));
        _input.AsSpan(0, _inputLength).CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_input);
        _input = larger;
    }

    void Advance()
    {
        if ((_handshake ??= Handshake.For(_input[0])) is null)
        {
            Break();
            return;
        }
        Span<byte> answer = stackalloc byte[Handshake.MaxAnswer];
        while (true)
        {
            var step = _handshake!.Advance(_input.AsSpan(0, _inputLength), answer, out var taken, out var answered);
            if (answered > 0 && !TrySend(answer[..answered]))
            {
                Break();
                return;
            }
            switch (step)
            {
                case HandshakeStep.NeedsMore:
                    return;
                case HandshakeStep.Failed:
                    Refuse(_handshake.Failure);
                    return;
                case HandshakeStep.Answered:
                    Take(taken);
                    break;
                case HandshakeStep.Requested:
                    Take(taken);
                    Open();
                    return;
            }
        }
    }

    void Take(int count)
    {
        _inputLength -= count;
        _input.AsSpan(count, _inputLength).CopyTo(_input);
    }

    void Open()
    {
        _phase = Phase.Opening;
        _server.Leave(_idle);
        Loop.SetTimer(this, Loop.Now + _server.Options.ConnectTimeout);
        _key = _server.KeyOf(_handshake!.User, _handshake.Command == ProxyCommand.Associate ? null : _handshake.Target.Name);
        _server.Circuits.Open(_key, this);
    }

    void Associate()
    {
        var failure = UdpAssociation.TryStart(_server, _stack!, _socket, _handshake!, out var association);
        if (failure != ProxyFailure.None)
        {
            Refuse(failure);
            return;
        }
        Span<byte> answer = stackalloc byte[Handshake.MaxAnswer];
        var sent = TrySend(answer[.._handshake!.WriteSuccess(answer, association!.Relay)]);
        End();
        if (!sent)
            association.End();
    }

    void Refuse(ProxyFailure failure)
    {
        if (_phase is Phase.Refused or Phase.Ended)
            return;
        Span<byte> answer = stackalloc byte[Handshake.MaxAnswer];
        var sent = TrySend(answer[.._handshake!.WriteFailure(answer, failure)]);
        Release();
        if (_phase != Phase.Handshake)
            _server.Enter(_idle);
        _phase = Phase.Refused;
        _server.CountRefusal();
        if (!sent)
        {
            Break();
            return;
        }
        _socket.ShutdownSend();
        Loop.SetTimer(this, Loop.Now + s_lingering);
        Discard();
    }

    /// <summary>Closing with bytes unread would send a reset, which may overtake the answer.</summary>
    void Discard()
    {
        Span<byte> room = stackalloc byte[4096];
        for (var reads = 0; reads < 64; reads++)
        {
            var status = _socket.TryReceive(room, out _);
            if (status == SocketStatus.WouldBlock)
                return;
            if (status != SocketStatus.Ok)
                break;
        }
        _socket.Dispose();
        End();
    }

    /// <summary>Answers are short, and the client has read everything before: what does not fit the kernel's buffer is not a client.</summary>
    bool TrySend(ReadOnlySpan<byte> bytes) => _socket.TrySend(bytes, out var count) == SocketStatus.Ok && count == bytes.Length;

    /// <summary>Leaves the circuit and whatever was asked of it.</summary>
    void Release()
    {
        _connector?.Cancel();
        _connector = null;
        _stack?.Leave(this);
        _stack = null;
    }

    void End()
    {
        _phase = Phase.Ended;
        Release();
        Loop.SetTimer(this, Instant.Never);
        if (_input.Length > 0)
            ArrayPool<byte>.Shared.Return(_input);
        (_input, _inputLength) = ([], 0);
        _server.Leave(_idle);
        _server.Leave(this);
    }
}
