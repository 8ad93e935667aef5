using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    /// <summary>Of NFNL_SUBSYS_CTNETLINK, 1, which is the upper byte.</summary>
    internal const ushort IPCTNL_MSG_CT_NEW = 0x100;
    internal const ushort IPCTNL_MSG_CT_GET = 0x101;
    internal const ushort IPCTNL_MSG_CT_DELETE = 0x102;

    internal const ushort CTA_TUPLE_ORIG = 1;
    internal const ushort CTA_ID = 12;
    internal const ushort CTA_ZONE = 18;
    internal const ushort CTA_TUPLE_IP = 1;
    internal const ushort CTA_IP_V4_SRC = 1;
    internal const ushort CTA_IP_V6_SRC = 3;

    /// <summary>struct nlmsghdr and struct nfgenmsg, with which all messages of nfnetlink begin.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct NetfilterHeader
    {
        internal NetlinkHeader Netlink;
        internal byte Family;
        internal byte Version;
        internal ushort ResourceId;
    }
}
