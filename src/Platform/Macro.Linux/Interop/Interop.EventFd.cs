using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    internal const int EFD_CLOEXEC = 0x80000;
    internal const int EFD_NONBLOCK = 0x800;

    [LibraryImport(Libc, EntryPoint = "eventfd", SetLastError = true)]
    internal static partial FileDescriptor EventFd(uint initial, int flags);
}
