namespace Macro.Peers;

/// <summary>The space of network coordinates: three dimensions, and a height that every way up and down has to climb.</summary>
public static class CoordinateSpace
{
    const double UnitsPerMillisecond = 10;

    /// <summary>All zero: a node that has not found its place, or tells none.</summary>
    public static bool IsUnknown(this NetworkCoordinates at) => at == default;

    /// <summary>The round-trip time that two positions foretell; null when one is unknown.</summary>
    public static TimeSpan? RoundTrip(this NetworkCoordinates from, NetworkCoordinates to)
    {
        if (from.IsUnknown() || to.IsUnknown())
            return null;
        double x = from.X - to.X, y = from.Y - to.Y, z = from.Z - to.Z;
        return TimeSpan.FromMilliseconds((Math.Sqrt(x * x + y * y + z * z) + from.Height + to.Height) / UnitsPerMillisecond);
    }

    /// <summary>How far one and the same node has moved, in the time that it makes to others at most.</summary>
    public static TimeSpan Distance(this NetworkCoordinates before, NetworkCoordinates after)
    {
        double x = before.X - after.X, y = before.Y - after.Y, z = before.Z - after.Z;
        return TimeSpan.FromMilliseconds((Math.Sqrt(x * x + y * y + z * z) + Math.Abs(before.Height - after.Height)) / UnitsPerMillisecond);
    }
}
