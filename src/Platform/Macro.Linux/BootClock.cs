using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// The time for protocols: the wall clock as it stood at the start, carried on by CLOCK_BOOTTIME. It never goes back,
/// whatever is done to the wall clock, and it counts the time that the machine sleeps, so that keys age while it does.
/// </summary>
public sealed unsafe class BootClock
{
    readonly long _wallAtBoot = DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks - SinceBoot();

    public Instant Now => new(_wallAtBoot + SinceBoot());

    static long SinceBoot()
    {
        Interop.TimeSpec time;
        _ = Interop.ClockGetTime(Interop.CLOCK_BOOTTIME, &time);
        return time.Seconds * TimeSpan.TicksPerSecond + time.Nanoseconds / TimeSpan.NanosecondsPerTick;
    }
}
