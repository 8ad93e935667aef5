using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    internal const byte SO_EE_ORIGIN_LOCAL = 1;
    internal const byte SO_EE_ORIGIN_ICMP = 2;
    internal const byte SO_EE_ORIGIN_ICMP6 = 3;

    /// <summary>struct sock_extended_err; the address of the offender follows.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ExtendedError
    {
        internal uint Errno;
        internal byte Origin;
        internal byte Type;
        internal byte Code;
        internal byte Padding;
        internal uint Info;
        internal uint Data;
    }
}
