namespace Macro.Core.Packets;

/// <summary>Protocol numbers of IP (IANA), those that this code treats apart; others keep their number.</summary>
public enum IpProtocol : byte
{
    HopByHop = 0,
    Icmp = 1,
    Tcp = 6,
    Udp = 17,
    Routing = 43,
    Fragment = 44,
    Esp = 50,
    Authentication = 51,
    IcmpV6 = 58,
    NoNextHeader = 59,
    DestinationOptions = 60,
}
