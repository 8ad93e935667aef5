namespace Macro.Linux;

/// <summary>
/// How the scheduler treats the calling thread beside others that want to run (Linux: scheduler/sched-eevdf, sched(7), sched_setattr(2)).
/// All stays as it is where the kernel cannot, a sandbox forbids it, or the administrator has given the thread another policy than the usual one.
/// </summary>
public static class Scheduling
{
    [ThreadStatic] static bool t_shallGiveWay, t_givesWay;

    /// <summary>
    /// How long the thread may run before the scheduler looks who else wants to: 100 us to 100 ms. A longer slice brings no more processor time, but
    /// who wakes up with a shorter one interrupts the thread at once. Linux 6.12. Reads as zero where it is not known.
    /// </summary>
    public static TimeSpan Slice
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

    /// <summary>
    /// Whether the thread, when it wakes up, lets whoever runs finish his slice instead of interrupting him (SCHED_BATCH). Its share of the processor is the same.
    /// To set what is set already costs nothing.
    /// </summary>
    public static bool GivesWay
    {
        get => t_givesWay;
        set
        {
            if (t_shallGiveWay == value)
                return;
            t_shallGiveWay = value;
            if (value && TryChange(Interop.SCHED_OTHER, Interop.SCHED_BATCH))
                t_givesWay = true;
            else if (t_givesWay && TryChange(Interop.SCHED_BATCH, Interop.SCHED_OTHER))
                t_givesWay = false;
        }
    }

    static bool TryChange(uint from, uint to)
    {
        if (!Interop.TryGetScheduling(out var scheduling) || scheduling.Policy != from)
            return false;
        scheduling.Policy = to;
        return Interop.TrySetScheduling(scheduling);
    }
}
