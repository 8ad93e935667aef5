using Macro.Circuits;
using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// The way of a client's resolver to its upstreams: through the circuit of one isolation key and nowhere else. While
/// there is no circuit yet, queries wait for it; when there is to be none, the resolver hears so at once.
/// </summary>
class StackLink(ICircuitEnds circuits, IsolationKey key) : UpstreamLink, ICircuitWaiter, IStackMember
{
    readonly record struct Query(long Number, Endpoint Upstream, byte[] Message, bool IsStream);

    readonly List<Query> _waiting = [];
    HostedStack? _stack;
    bool _isMember;
    bool _isAsking;

    /// <summary>The end of the circuit; null while there is none.</summary>
    protected HostedStack? Stack => _stack is { IsClosed: false } ? _stack : null;

    /// <summary>Takes over a stack that somebody else was given for the same key.</summary>
    public void Use(HostedStack stack)
    {
        if (Stack is null && !stack.IsClosed)
            Enter(stack);
    }

    public override void SendDatagram(long number, Endpoint upstream, byte[] message)
    {
        if (Stack is null)
            Wait(new Query(number, upstream, message, IsStream: false));
        else
            base.SendDatagram(number, upstream, message);
        JoinOrLeave();
    }

    public override void SendStream(long number, Endpoint upstream, byte[] message)
    {
        if (Stack is null)
            Wait(new Query(number, upstream, message, IsStream: true));
        else
            base.SendStream(number, upstream, message);
        JoinOrLeave();
    }

    public override void End(long number)
    {
        _waiting.RemoveAll(query => query.Number == number);
        base.End(number);
        JoinOrLeave();
    }

    public override void Close()
    {
        base.Close();
        _waiting.Clear();
        JoinOrLeave();
    }

    void ICircuitWaiter.HandleCircuit(HostedStack? stack, CircuitRefusal refusal)
    {
        _isAsking = false;
        if (stack is { IsClosed: false })
            Enter(stack);
        else if (Stack is null)
            Resolver.Disconnect();
    }

    void IStackMember.HandleStackClosed()
    {
        (_stack, _isMember) = (null, false);
        // The resolver tries again, and that asks for another circuit.
        FailAll();
    }

    protected override IDatagramExchange? OpenDatagram(long number, Endpoint upstream, byte[] message)
    {
        var exchange = new PortExchange(Resolver, number, Stack!.Stack, upstream);
        return exchange.Start(message) ? exchange : null;
    }

    protected override IExchange? OpenStream(long number, Endpoint upstream, byte[] message) =>
        Stack!.Stack.Connect(upstream, context: null, Stack.Loop.Now) is { } connection
            ? StreamExchange.Start(Resolver, number, new ConnectionStream(connection), message) : null;

    void Wait(Query query)
    {
        if (!_waiting.Any(other => other.Number == query.Number))
            _waiting.Add(query);
        if (_isAsking)
            return;
        _isAsking = true;
        circuits.Open(key, this);
    }

    void Enter(HostedStack stack)
    {
        _stack = stack;
        Query[] waiting = [.. _waiting];
        _waiting.Clear();
        foreach (var query in waiting)
            if (query.IsStream)
                SendStream(query.Number, query.Upstream, query.Message);
            else
                SendDatagram(query.Number, query.Upstream, query.Message);
        JoinOrLeave();
    }

    /// <summary>A member only while there is something to carry: else the circuit may be given back.</summary>
    void JoinOrLeave()
    {
        if (Stack is not { } stack || _isMember == !IsIdle)
            return;
        _isMember = !IsIdle;
        if (_isMember)
            stack.Join(this);
        else
            stack.Leave(this);
    }

    /// <summary>One query from a random port of the stack.</summary>
    sealed class PortExchange(LoopResolver resolver, long number, Stack stack, Endpoint upstream) : IDatagramExchange, IUdpHandler
    {
        Endpoint _local;

        public bool Start(byte[] message)
        {
            if (!stack.TryBind(upstream.Address.IsV4, this, out _local))
                return false;
            Send(message);
            return true;
        }

        public void Send(byte[] message) => stack.TrySend(_local, upstream, message);

        public void End() => stack.Unbind(_local);

        IcmpReason IUdpHandler.Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
        {
            resolver.HandleDatagram(number, remote, payload);
            return IcmpReason.None;
        }

        void IUdpHandler.HandleError(Endpoint local, Endpoint remote, IcmpError error)
        {
            if (remote == upstream)
                resolver.HandleFailure(number);
        }
    }
}
