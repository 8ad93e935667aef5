using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>What the error queue of a socket tells, in the words of ICMP.</summary>
static class SocketErrors
{
    internal static IcmpError ToIcmp(this in MessageError error, bool v4)
    {
        // This machine's own word: its link is too narrow for a datagram that must not be fragmented.
        var reason = error.IsIcmp ? v4 ? IcmpCodes.ReadV4(error.Type, error.Code) : IcmpCodes.ReadV6(error.Type, error.Code)
            : error.Status == SocketStatus.TooLong ? IcmpReason.PacketTooBig
            : IcmpReason.None;
        return new IcmpError(reason, error.Offender, error.Mtu);
    }
}
