using System.Runtime.InteropServices;

namespace Macro.Linux;

static unsafe partial class Interop
{
    [LibraryImport(Libc, EntryPoint = "close")]
    internal static partial int Close(int fd);

    [LibraryImport(Libc, EntryPoint = "read", SetLastError = true)]
    internal static partial nint Read(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport(Libc, EntryPoint = "write", SetLastError = true)]
    internal static partial nint Write(FileDescriptor fd, void* buffer, nuint count);

    [LibraryImport(Libc, EntryPoint = "setsid", SetLastError = true)]
    internal static partial int SetSession();

    [LibraryImport(Libc, EntryPoint = "dup2", SetLastError = true)]
    internal static partial int Duplicate(FileDescriptor from, int to);
}
