using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>SOCKS 4 and 4a: one request, one answer.</summary>
sealed class Socks4Handshake : Handshake
{
    internal override int MaxInput => Socks4.MaxRequest;

    internal override HandshakeStep Advance(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered)
    {
        answered = 0;
        var verdict = Socks4.TryParseRequest(input, out var user, out var target, out var supported, out taken);
        if (verdict == InputVerdict.Incomplete)
            return HandshakeStep.NeedsMore;
        if (verdict != InputVerdict.Complete)
            return Fail(ProxyFailure.Malformed);
        (User, Target, Command) = (user, target, ProxyCommand.Connect);
        return supported ? HandshakeStep.Requested : Fail(ProxyFailure.Unsupported);
    }

    internal override int WriteSuccess(Span<byte> answer, Endpoint bound)
    {
        Socks4.WriteReply(answer, Socks4Reply.Granted);
        return Socks4.ReplySize;
    }

    internal override int WriteFailure(Span<byte> answer, ProxyFailure failure)
    {
        Socks4.WriteReply(answer, Socks4Reply.Rejected);
        return Socks4.ReplySize;
    }
}
