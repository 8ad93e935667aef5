using System.Runtime.InteropServices;

namespace Macro.Linux;

static unsafe partial class Interop
{
    internal const int CLOCK_BOOTTIME = 7;

    [StructLayout(LayoutKind.Sequential)]
    internal struct TimeSpec
    {
        internal long Seconds;
        internal long Nanoseconds;
    }

    // Served by the vDSO in some tens of nanoseconds: not worth a transition of the collector.
    [LibraryImport(Libc, EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    internal static partial int ClockGetTime(int clock, TimeSpec* time);
}
