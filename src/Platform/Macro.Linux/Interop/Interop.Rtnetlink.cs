using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    internal const int NETLINK_ROUTE = 0;
    internal const uint RTMGRP_LINK = 1;

    /// <summary>struct sockaddr_nl.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct NetlinkAddress
    {
        internal ushort Family;
        internal ushort Padding;
        internal uint PortId;
        internal uint Groups;
    }
}
