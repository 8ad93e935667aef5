using System.Runtime.InteropServices;

namespace Macro.Linux;

static unsafe partial class Interop
{
    internal const uint SCHED_OTHER = 0, SCHED_BATCH = 3;

    /// <summary>struct sched_attr as Linux has had it since 3.14 (SCHED_ATTR_SIZE_VER0); later fields are left out.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct SchedAttr
    {
        internal uint Size;
        internal uint Policy;
        internal ulong Flags;
        internal int Nice;
        internal uint Priority;
        internal ulong Runtime;
        internal ulong Deadline;
        internal ulong Period;
    }

    static readonly nint s_schedSetAttr = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 314 : 274;

    /// <summary>Of the calling thread.</summary>
    internal static bool TryGetScheduling(out SchedAttr attributes)
    {
        fixed (SchedAttr* to = &attributes)
            return SystemCall(s_schedSetAttr + 1, 0, to, sizeof(SchedAttr), 0) == 0;
    }

    /// <inheritdoc cref="TryGetScheduling"/>
    internal static bool TrySetScheduling(SchedAttr attributes)
    {
        attributes.Size = (uint)sizeof(SchedAttr);
        return SystemCall(s_schedSetAttr, 0, &attributes, 0, 0) == 0;
    }

    // sched_getattr and sched_setattr are no functions of C libraries older than glibc 2.41.
    [LibraryImport(Libc, EntryPoint = "syscall")]
    private static partial nint SystemCall(nint number, nint thread, SchedAttr* attributes, nint third, nint fourth);
}
