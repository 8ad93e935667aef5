using System.Runtime.InteropServices;

namespace Macro.Linux;

static unsafe partial class Interop
{
    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        internal void* Base;
        internal nuint Length;
    }

    [LibraryImport(Libc, EntryPoint = "readv", SetLastError = true)]
    internal static partial nint ReadV(FileDescriptor fd, IoVector* vectors, int count);

    [LibraryImport(Libc, EntryPoint = "writev", SetLastError = true)]
    internal static partial nint WriteV(FileDescriptor fd, IoVector* vectors, int count);
}
