using System.Globalization;

namespace Macro.Core;

/// <summary>
/// A moment: 100 ns ticks since the Unix epoch, and never going backwards within one process.
/// The shell makes it (wall clock once at start, then the boot-time clock); protocols only receive it.
/// </summary>
public readonly record struct Instant(long Ticks) : IComparable<Instant>
{
    public static readonly Instant UnixEpoch = new(0);
    public static readonly Instant Never = new(long.MaxValue);

    public static Instant FromUnixSeconds(long seconds) => new(seconds * TimeSpan.TicksPerSecond);

    public long UnixSeconds => Ticks / TimeSpan.TicksPerSecond;

    public int CompareTo(Instant other) => Ticks.CompareTo(other.Ticks);

    public static bool operator <(Instant a, Instant b) => a.Ticks < b.Ticks;
    public static bool operator >(Instant a, Instant b) => a.Ticks > b.Ticks;
    public static bool operator <=(Instant a, Instant b) => a.Ticks <= b.Ticks;
    public static bool operator >=(Instant a, Instant b) => a.Ticks >= b.Ticks;
    public static TimeSpan operator -(Instant a, Instant b) => new(a.Ticks - b.Ticks);
    public static Instant operator +(Instant a, TimeSpan b) => a == Never ? Never : new(a.Ticks + b.Ticks);
    public static Instant operator -(Instant a, TimeSpan b) => new(a.Ticks - b.Ticks);

    public static Instant Min(Instant a, Instant b) => a < b ? a : b;
    public static Instant Max(Instant a, Instant b) => a > b ? a : b;

    public override string ToString() => this == Never
        ? "never"
        : (Ticks / (double)TimeSpan.TicksPerSecond).ToString("F3", CultureInfo.InvariantCulture) + "s";
}
