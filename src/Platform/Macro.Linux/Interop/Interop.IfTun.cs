namespace Macro.Linux;

static partial class Interop
{
    internal const nuint TUNSETIFF = 0x400454ca;
    internal const nuint TUNSETOFFLOAD = 0x400454d0;
    internal const nuint TUNGETIFF = 0x800454d2;
    internal const nuint TUNSETVNETHDRSZ = 0x400454d8;

    internal const short IFF_TUN = 0x0001;
    internal const short IFF_NO_PI = 0x1000;
    internal const short IFF_VNET_HDR = 0x4000;

    internal const int TUN_F_CSUM = 0x01;
    internal const int TUN_F_TSO4 = 0x02;
    internal const int TUN_F_TSO6 = 0x04;
    internal const int TUN_F_TSO_ECN = 0x08;
    internal const int TUN_F_USO4 = 0x20;
    internal const int TUN_F_USO6 = 0x40;
}
