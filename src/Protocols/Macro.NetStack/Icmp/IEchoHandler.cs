using Macro.Core;

namespace Macro.NetStack;

/// <summary>An echo request or reply: identifier and sequence number as they stand in the message.</summary>
public readonly record struct Echo(IpAddress Source, IpAddress Destination, ushort Identifier, ushort SequenceNumber);

/// <summary>Whoever answers echo requests to addresses that the stack answers for but does not have (the user-mode exit).</summary>
public interface IEchoHandler
{
    /// <summary>
    /// An echo request. The data is valid until the call returns; the answer goes through <see cref="Stack.TrySendEchoReply"/>.
    /// What is returned is reported to the source; <see cref="IcmpReason.None"/> reports nothing.
    /// </summary>
    IcmpReason ReceiveRequest(Echo request, ReadOnlySpan<byte> data, Instant now);
}
