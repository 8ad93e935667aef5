using System.Globalization;

namespace Macro.Circuits;

/// <summary>A rate for some hours of each day: from the first minute on, up to the second, over midnight where that is the earlier one.</summary>
/// <param name="Mbits">Mbit/s; 0: nothing.</param>
public readonly record struct ScheduledRate(TimeOnly From, TimeOnly Until, int Mbits)
{
    public const int Most = 100_000;

    /// <summary>Both minutes alike are the whole day.</summary>
    public bool Covers(TimeOnly time) => From == Until || time.IsBetween(From, Until);

    /// <summary>Of the first that covers the time; null when none does.</summary>
    public static int? At(IReadOnlyList<ScheduledRate> schedule, TimeOnly time)
    {
        ArgumentNullException.ThrowIfNull(schedule);
        foreach (var rate in schedule)
            if (rate.Covers(time))
                return rate.Mbits;
        return null;
    }

    /// <summary>As in "22:00-07:30 5".</summary>
    public static bool TryParse(string text, out ScheduledRate rate)
    {
        rate = default;
        string[] parts = text?.Split(['-', ' ']) ?? [];
        if (parts.Length != 3
            || !TimeOnly.TryParseExact(parts[0], "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var from)
            || !TimeOnly.TryParseExact(parts[1], "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out var until)
            || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var mbits) || mbits > Most)
            return false;
        rate = new ScheduledRate(from, until, mbits);
        return true;
    }
}
