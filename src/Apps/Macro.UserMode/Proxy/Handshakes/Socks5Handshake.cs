using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>SOCKS 5: greeting, user name when the client offers one, request.</summary>
sealed class Socks5Handshake : Handshake
{
    enum Phase
    {
        Greeting,
        Credentials,
        Request,
    }

    Phase _phase;

    internal override int MaxInput => Socks5.MaxMessage;

    internal override HandshakeStep Advance(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered) => _phase switch
    {
        Phase.Greeting => Greet(input, answer, out taken, out answered),
        Phase.Credentials => TakeName(input, answer, out taken, out answered),
        Phase.Request => TakeRequest(input, out taken, out answered),
    };

    internal override int WriteSuccess(Span<byte> answer, Endpoint bound) => Socks5.WriteReply(answer, Socks5Reply.Succeeded, bound);

    /// <summary>Before the request there is no answer that says why: the client has its method or its status, and that is all.</summary>
    internal override int WriteFailure(Span<byte> answer, ProxyFailure failure)
    {
        switch (_phase)
        {
            case Phase.Greeting:
                Socks5.WriteMethod(answer, Socks5Methods.None);
                return 2;
            case Phase.Credentials:
                Socks5.WriteCredentialsAnswer(answer, accepted: false);
                return 2;
            default:
                return Socks5.WriteReply(answer, ProxyFailures.ToSocks5(failure), default);
        }
    }

    HandshakeStep Greet(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered)
    {
        answered = 0;
        var verdict = Socks5.TryParseGreeting(input, out var methods, out taken);
        if (verdict == InputVerdict.Incomplete)
            return HandshakeStep.NeedsMore;
        if (verdict != InputVerdict.Complete || methods == Socks5Methods.None)
            return Fail(ProxyFailure.BadCredentials);
        // A client that offers a name has one, and wants its connections apart from those of others.
        var method = (methods & Socks5Methods.UserName) != 0 ? Socks5Methods.UserName : Socks5Methods.NoAuthentication;
        Socks5.WriteMethod(answer, method);
        answered = 2;
        _phase = method == Socks5Methods.UserName ? Phase.Credentials : Phase.Request;
        return HandshakeStep.Answered;
    }

    HandshakeStep TakeName(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered)
    {
        answered = 0;
        var verdict = Socks5.TryParseCredentials(input, out var user, out taken);
        if (verdict == InputVerdict.Incomplete)
            return HandshakeStep.NeedsMore;
        if (verdict != InputVerdict.Complete)
            return Fail(ProxyFailure.BadCredentials);
        User = user;
        Socks5.WriteCredentialsAnswer(answer, accepted: true);
        answered = 2;
        _phase = Phase.Request;
        return HandshakeStep.Answered;
    }

    HandshakeStep TakeRequest(ReadOnlySpan<byte> input, out int taken, out int answered)
    {
        answered = 0;
        var verdict = Socks5.TryParseRequest(input, out var command, out var target, out var refusal, out taken);
        if (verdict == InputVerdict.Incomplete)
            return HandshakeStep.NeedsMore;
        if (refusal != Socks5Reply.Succeeded || verdict != InputVerdict.Complete)
            return Fail(refusal switch
            {
                Socks5Reply.CommandNotSupported => ProxyFailure.Unsupported,
                Socks5Reply.AddressTypeNotSupported => ProxyFailure.AddressType,
                _ => ProxyFailure.Malformed,
            });
        Target = target;
        Command = command == Socks5Command.UdpAssociate ? ProxyCommand.Associate : ProxyCommand.Connect;
        return HandshakeStep.Requested;
    }
}
