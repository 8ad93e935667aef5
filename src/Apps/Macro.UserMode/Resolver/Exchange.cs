using Macro.Core;

namespace Macro.UserMode;

/// <summary>
/// The way of one resolver to its upstreams: for each query a socket, port or connection of its own. Under the loop's lock.
/// </summary>
/// <param name="quota">Bounds the exchanges of several links together; null: unbounded.</param>
abstract class UpstreamLink(ExchangeQuota? quota = null)
{
    readonly Dictionary<long, IExchange> _exchanges = [];

    protected bool IsIdle => _exchanges.Count == 0;

    public LoopResolver Resolver { get; set; } = null!;

    /// <summary>Sends a query, or sends it again.</summary>
    public virtual void SendDatagram(long number, Endpoint upstream, byte[] message)
    {
        if (_exchanges.TryGetValue(number, out var exchange))
            (exchange as IDatagramExchange)?.Send(message);
        else
            Keep(number, IsFull ? null : OpenDatagram(number, upstream, message));
    }

    public virtual void SendStream(long number, Endpoint upstream, byte[] message) =>
        Keep(number, IsFull ? null : OpenStream(number, upstream, message));

    public virtual void End(long number)
    {
        if (!_exchanges.Remove(number, out var exchange))
            return;
        exchange.End();
        if (quota is not null)
            quota.InUse--;
    }

    /// <summary>Ends all exchanges, without a word to the resolver.</summary>
    public virtual void Close()
    {
        foreach (var number in _exchanges.Keys.ToArray())
            End(number);
    }

    /// <summary>Ends all exchanges; the resolver hears of each that it failed.</summary>
    protected void FailAll()
    {
        foreach (var number in _exchanges.Keys.ToArray())
            Resolver.HandleFailure(number);
    }

    /// <summary>Null: it cannot be sent.</summary>
    protected abstract IDatagramExchange? OpenDatagram(long number, Endpoint upstream, byte[] message);

    /// <summary>Null: it cannot be sent.</summary>
    protected abstract IExchange? OpenStream(long number, Endpoint upstream, byte[] message);

    bool IsFull => quota is { } bound && bound.InUse >= bound.Most;

    void Keep(long number, IExchange? exchange)
    {
        if (exchange is null)
        {
            Resolver.HandleFailure(number);
            return;
        }
        _exchanges.Add(number, exchange);
        if (quota is not null)
            quota.InUse++;
    }
}

/// <summary>How many exchanges several links may have at once. Under the loop's lock.</summary>
sealed class ExchangeQuota(int most)
{
    public int Most => most;

    public int InUse { get; set; }
}

/// <summary>One query at one upstream.</summary>
interface IExchange
{
    /// <summary>Frees what it holds; once.</summary>
    void End();
}

/// <summary>One query in datagrams.</summary>
interface IDatagramExchange : IExchange
{
    void Send(byte[] message);
}

/// <summary>One query in a TCP connection of its own.</summary>
sealed class StreamExchange(LoopResolver resolver, long number) : IExchange, IMessageStreamOwner
{
    MessageStream? _messages;

    /// <summary>Null when the stream takes nothing.</summary>
    public static StreamExchange? Start(LoopResolver resolver, long number, LoopStream stream, byte[] message)
    {
        var exchange = new StreamExchange(resolver, number);
        exchange._messages = new MessageStream(stream, exchange);
        if (exchange._messages.Send(message))
            return exchange;
        exchange.End();
        return null;
    }

    public void End() => _messages?.Abort();

    void IMessageStreamOwner.HandleMessage(MessageStream stream, ReadOnlySpan<byte> message) => resolver.HandleStream(number, message);

    void IMessageStreamOwner.HandleEnd(MessageStream stream) => resolver.HandleFailure(number);
}
