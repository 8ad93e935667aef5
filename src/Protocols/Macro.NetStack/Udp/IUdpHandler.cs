using Macro.Core;

namespace Macro.NetStack;

/// <summary>Whoever takes the datagrams of a bound port. Called from within <see cref="Stack.Receive"/>.</summary>
public interface IUdpHandler
{
    /// <summary>
    /// A datagram from <paramref name="remote"/> to <paramref name="local"/>. The payload is valid until the call returns.
    /// What is returned is reported to the sender; <see cref="IcmpReason.None"/> reports nothing. May call
    /// <see cref="Stack.TrySend"/>, not <see cref="Stack.Receive"/>.
    /// </summary>
    IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now);

    /// <summary>A datagram from <paramref name="local"/> to <paramref name="remote"/> did not arrive.</summary>
    void HandleError(Endpoint local, Endpoint remote, IcmpError error);
}
