using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>What a client asks of the proxy.</summary>
enum ProxyCommand
{
    /// <summary>A connection, whose bytes pass as they are.</summary>
    Connect,

    /// <summary>One HTTP request with its answer.</summary>
    Forward,

    /// <summary>A relay of datagrams.</summary>
    Associate,
}

/// <summary>Where a handshake stands after some bytes.</summary>
enum HandshakeStep
{
    /// <summary>Nothing to do before there are more bytes.</summary>
    NeedsMore,

    /// <summary>An answer was written, and more is to come; there may be bytes left to take.</summary>
    Answered,

    /// <summary>The request is known.</summary>
    Requested,

    /// <summary>See <see cref="Handshake.Failure"/>.</summary>
    Failed,
}

/// <summary>The words that pass before a proxied connection: one protocol, one client. Input and output are spans of the caller.</summary>
abstract class Handshake
{
    /// <summary>Bytes of the longest answer.</summary>
    internal const int MaxAnswer = HttpAnswer.MaxSize;

    /// <summary>Bytes that are kept at most while a message is incomplete.</summary>
    internal abstract int MaxInput { get; }

    /// <summary>The name of the user; empty: none.</summary>
    internal string User { get; private protected set; } = "";

    internal ProxyTarget Target { get; private protected set; }

    internal ProxyCommand Command { get; private protected set; }

    /// <summary>Why it failed.</summary>
    internal ProxyFailure Failure { get; private protected set; }

    internal static Handshake? For(byte first) => ProxyProtocols.Of(first) switch
    {
        ProxyProtocol.Socks4 => new Socks4Handshake(),
        ProxyProtocol.Socks5 => new Socks5Handshake(),
        ProxyProtocol.Http => new HttpHandshake(),
        _ => null,
    };

    /// <summary>Takes the bytes that came so far and were not taken yet.</summary>
    internal abstract HandshakeStep Advance(ReadOnlySpan<byte> input, Span<byte> answer, out int taken, out int answered);

    /// <summary>Writes what the client hears when its request is granted; returns the bytes.</summary>
    internal abstract int WriteSuccess(Span<byte> answer, Core.Endpoint bound);

    /// <summary>Writes what the client hears when it is not; returns the bytes.</summary>
    internal abstract int WriteFailure(Span<byte> answer, ProxyFailure failure);

    private protected HandshakeStep Fail(ProxyFailure failure)
    {
        Failure = failure;
        return HandshakeStep.Failed;
    }
}
