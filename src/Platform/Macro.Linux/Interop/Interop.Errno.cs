using System.Runtime.InteropServices;

namespace Macro.Linux;

/// <summary>libc as it is, one file per C header. Numbers are those of the generic Linux ABI (x86-64, arm64).</summary>
static partial class Interop
{
    const string Libc = "libc";

    internal const int EPERM = 1;
    internal const int ENOENT = 2;
    internal const int EINTR = 4;
    internal const int EIO = 5;
    internal const int EBADF = 9;
    internal const int EAGAIN = 11;
    internal const int ENOMEM = 12;
    internal const int EACCES = 13;
    internal const int EFAULT = 14;
    internal const int EBUSY = 16;
    internal const int ENODEV = 19;
    internal const int EINVAL = 22;
    internal const int ENFILE = 23;
    internal const int EMFILE = 24;
    internal const int EPIPE = 32;
    internal const int EPROTO = 71;
    internal const int EBADFD = 77;
    internal const int EMSGSIZE = 90;
    internal const int EAFNOSUPPORT = 97;
    internal const int EADDRINUSE = 98;
    internal const int EADDRNOTAVAIL = 99;
    internal const int ENETDOWN = 100;
    internal const int ENETUNREACH = 101;
    internal const int ECONNABORTED = 103;
    internal const int ECONNRESET = 104;
    internal const int ENOBUFS = 105;
    internal const int ENOTCONN = 107;
    internal const int ETIMEDOUT = 110;
    internal const int ECONNREFUSED = 111;
    internal const int EHOSTDOWN = 112;
    internal const int EHOSTUNREACH = 113;
    internal const int EINPROGRESS = 115;

    /// <summary>errno of the call just made on this thread.</summary>
    internal static int LastError => Marshal.GetLastPInvokeError();

    /// <summary>Throws for a negative result; for calls whose failure ends what the caller set out to do.</summary>
    internal static int Check(int result, string action) => result >= 0 ? result : throw new LinuxException(action, LastError);
}
