using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>HTTP: the head of one request. CONNECT opens a connection; the absolute form is forwarded as one exchange.</summary>
sealed class HttpHandshake : Handshake
{
    internal override int MaxInput => HttpRequestHead.MaxSize;

    /// <summary>The head for the server, of a request that is forwarded.</summary>
    internal byte[] ForwardedHead { get; private set; } = [];

    internal HttpFraming Framing { get; private set; }

    internal long ContentLength { get; private set; }

    internal override HandshakeStep Advance(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered)
    {
        answered = 0;
        var verdict = HttpRequestHead.TryParse(input, out var head, out taken);
        return verdict switch
        {
            InputVerdict.Incomplete => HandshakeStep.NeedsMore,
            InputVerdict.TooLong => Fail(ProxyFailure.TooLong),
            InputVerdict.Malformed => Fail(ProxyFailure.Malformed),
            InputVerdict.Complete => Take(head),
        };
    }

    internal override int WriteSuccess(Span<byte> answer, Endpoint bound)
    {
        // What a forwarded request hears comes from its server.
        if (Command == ProxyCommand.Forward)
            return 0;
        HttpAnswer.Connected.CopyTo(answer);
        return HttpAnswer.Connected.Length;
    }

    internal override int WriteFailure(Span<byte> answer, ProxyFailure failure)
    {
        var (status, text) = ProxyFailures.ToHttp(failure);
        return HttpAnswer.Write(answer, status, text);
    }

    HandshakeStep Take(in HttpRequestHead head)
    {
        if (head.Form is HttpTargetForm.Origin or HttpTargetForm.Asterisk)
            return Fail(ProxyFailure.NotAProxyRequest);
        if (!head.TryReadUser(out var user))
            return Fail(ProxyFailure.BadCredentials);
        if (!head.TryReadTarget(out var target))
            return Fail(ProxyFailure.Malformed);
        (User, Target) = (user, target);
        if (head.IsConnect)
        {
            Command = ProxyCommand.Connect;
            return HandshakeStep.Requested;
        }
        if (head.IsHttps)
            return Fail(ProxyFailure.Unsupported);
        var room = new byte[HttpRequestHead.MaxSize + 64];
        if (!head.TryWriteForServer(room, out var length))
            return Fail(ProxyFailure.TooLong);
        (Command, ForwardedHead, Framing, ContentLength) = (ProxyCommand.Forward, room[..length], head.Framing, head.ContentLength);
        return HandshakeStep.Requested;
    }
}
