using Macro.Core;
using Macro.NetStack.Dns;

namespace Macro.UserMode;

/// <summary>Whoever asked, and was told that the answer comes later. Under the loop's lock.</summary>
interface IAnswerTaker
{
    void HandleAnswer(ReadOnlySpan<byte> answer);
}

/// <summary>A <see cref="Resolver"/> that lives in a loop: does what it asks for, and wakes it. Under the loop's lock.</summary>
sealed class LoopResolver : ILoopTimer
{
    readonly StackLoop _loop;
    readonly UpstreamLink _link;
    readonly Resolver _resolver;
    bool _isSettling;

    /// <param name="link">For this resolver alone.</param>
    public LoopResolver(StackLoop loop, ResolverOptions options, UpstreamLink link, IRandom random)
    {
        (_loop, _link, _resolver) = (loop, link, new Resolver(options, random));
        link.Resolver = this;
    }

    int IDeadline.Place { get; set; }

    public ResolverCounters Counters => _resolver.Counters;

    /// <summary>Questions that wait for an upstream.</summary>
    public int Pending => _resolver.Pending;

    /// <summary>Takes a circuit that somebody else was given for the same isolation key.</summary>
    public void Use(HostedStack stack) => (_link as StackLink)?.Use(stack);

    public AskVerdict Ask(ReadOnlySpan<byte> query, Carrier carrier, IAnswerTaker taker, Span<byte> room, out int length)
    {
        var verdict = _resolver.Ask(query, carrier, taker, room, _loop.Now, out length);
        Settle();
        return verdict;
    }

    public void HandleDatagram(long exchange, Endpoint source, ReadOnlySpan<byte> message)
    {
        _resolver.HandleDatagram(exchange, source, message, _loop.Now);
        Settle();
    }

    public void HandleStream(long exchange, ReadOnlySpan<byte> message)
    {
        _resolver.HandleStream(exchange, message, _loop.Now);
        Settle();
    }

    public void HandleFailure(long exchange)
    {
        _resolver.HandleFailure(exchange, _loop.Now);
        Settle();
    }

    /// <summary>There is no way to the upstreams: those who wait are answered; later questions try again.</summary>
    public void Disconnect()
    {
        _resolver.SetConnected(false, _loop.Now);
        _resolver.SetConnected(true, _loop.Now);
        Settle();
    }

    public void Close()
    {
        Disconnect();
        _link.Close();
        _loop.SetTimer(this, Instant.Never);
    }

    void ILoopTimer.HandleTimeout(Instant now)
    {
        _resolver.HandleTimeout(now);
        Settle();
    }

    /// <summary>Does what the resolver wants done. A link that fails at once calls back in the middle of it.</summary>
    void Settle()
    {
        if (_isSettling)
            return;
        _isSettling = true;
        while (_resolver.TryTakeOutput(out var output))
            switch (output.Action)
            {
                case ResolverAction.SendDatagram:
                    _link.SendDatagram(output.Exchange, output.Upstream, output.Message);
                    break;
                case ResolverAction.SendStream:
                    _link.SendStream(output.Exchange, output.Upstream, output.Message);
                    break;
                case ResolverAction.End:
                    _link.End(output.Exchange);
                    break;
                case ResolverAction.Answer:
                    (output.Client as IAnswerTaker)?.HandleAnswer(output.Message);
                    break;
            }
        _isSettling = false;
        _loop.SetTimer(this, _resolver.NextTimeout);
    }
}
