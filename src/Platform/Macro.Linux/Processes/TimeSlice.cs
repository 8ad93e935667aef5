namespace Macro.Linux;

/// <summary>
/// How long the scheduler lets a thread run before it looks who else wants to. Who has a longer slice gets no more processor time, but
/// gives way at once to those with a shorter one that wake up (Linux: scheduler/sched-eevdf, sched_setattr(2)).
/// </summary>
public static class TimeSlice
{
    /// <summary>
    /// The calling thread's: 100 us to 100 ms. It stays as it is where the kernel cannot (before 6.12), a sandbox forbids it, or the
    /// administrator has given the thread another policy than the usual one. Reads as zero where it is not known.
    /// </summary>
    public static TimeSpan OfThisThread
    {
        get => Interop.TryGetScheduling(out var scheduling) ? TimeSpan.FromTicks((long)scheduling.Runtime / TimeSpan.NanosecondsPerTick) : default;
        set
        {
            if (!Interop.TryGetScheduling(out var scheduling) || scheduling.Policy != Interop.SCHED_OTHER)
                return;
            scheduling.Runtime = (ulong)(value.Ticks * TimeSpan.NanosecondsPerTick);
            _ = Interop.TrySetScheduling(scheduling);
        }
    }
}
