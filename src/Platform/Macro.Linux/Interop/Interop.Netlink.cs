using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    internal const int NETLINK_NETFILTER = 12;

    internal const ushort NLM_F_REQUEST = 0x1;
    internal const ushort NLM_F_ACK = 0x4;
    internal const ushort NLM_F_DUMP = 0x300;

    internal const ushort NLMSG_ERROR = 2;
    internal const ushort NLMSG_DONE = 3;

    /// <summary>nla_type without the flags for nested values and byte order.</summary>
    internal const ushort NLA_TYPE_MASK = 0x3fff;

    /// <summary>struct nlmsghdr; messages and attributes start at multiples of four.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct NetlinkHeader
    {
        internal uint Length;
        internal ushort Type;
        internal ushort Flags;
        internal uint Sequence;
        internal uint PortId;
    }

    /// <summary>struct nlattr; its length counts this header, too.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct NetlinkAttribute
    {
        internal ushort Length;
        internal ushort Type;
    }
}
