using System.Runtime.InteropServices;

namespace Macro.Linux;

static partial class Interop
{
    [LibraryImport(Libc, EntryPoint = "umask")]
    internal static partial uint Umask(uint mask);
}
