using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// An HTTP request that the shell is to make on a connection of its own, without proxy, redirects or cookies, in at most 5 s,
/// for at most 64 KiB of body; only to the host named here, and only after it has checked that this is the gateway.
/// </summary>
/// <param name="Number">Goes back with the reply.</param>
/// <param name="Action">Value of the SOAPACTION field; null for a GET.</param>
public sealed record GatewayRequest(int Number, GatewayUrl Url, string? Action, byte[] Body);

/// <summary>Requests under way, and who waits for the answers.</summary>
sealed class GatewayRequests
{
    const int MostPending = 16;

    readonly Queue<GatewayRequest> _queue = new();
    readonly Dictionary<int, Action<byte[]?, Instant>> _pending = [];
    int _last;

    /// <param name="answered">Gets the body of a reply, or null when none came.</param>
    public void Get(GatewayUrl url, Action<byte[]?, Instant> answered) => Add(url, null, [], answered);

    /// <param name="answered">Gets the reply; its error is <see cref="SoapErrors.NoAnswer"/> where none came that could be read.</param>
    public void Call(GatewayService service, string action, ReadOnlySpan<(string, string)> arguments, Action<SoapReply?, int, Instant> answered) =>
        Add(service.Control, $"\"{service.Type}#{action}\"", SoapRequest.Write(service.Type, action, arguments), (body, now) =>
        {
            if (body is not null && SoapReply.TryParse(body, action, out var reply))
                answered(reply, reply.Error, now);
            else
                answered(null, SoapErrors.NoAnswer, now);
        });

    public bool TryTake(out GatewayRequest request) => _queue.TryDequeue(out request!);

    public bool IsIdle => _pending.Count == 0;

    /// <param name="body">Null when no reply came; replies of any status count, since faults come with 500.</param>
    public void Handle(int number, byte[]? body, Instant now)
    {
        if (_pending.Remove(number, out var answered))
            answered(body, now);
    }

    void Add(GatewayUrl url, string? action, byte[] body, Action<byte[]?, Instant> answered)
    {
        if (_pending.Count >= MostPending)
            return;
        _last = _last == int.MaxValue ? 1 : _last + 1;
        _pending.Add(_last, answered);
        _queue.Enqueue(new GatewayRequest(_last, url, action, body));
    }
}
