using Macro.Core;

namespace Macro.NetStack;

/// <summary>An ICMP error about something that was sent.</summary>
/// <param name="Reason">What went wrong.</param>
/// <param name="Reporter">Who says so: a router on the way, or the destination.</param>
/// <param name="Mtu">Of <see cref="IcmpReason.PacketTooBig"/>: largest packet in bytes; else 0.</param>
public readonly record struct IcmpError(IcmpReason Reason, IpAddress Reporter, int Mtu = 0);
