using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// When a circuit makes way for another: ten minutes after its first packet, a fifth more or less, so that nobody foretells it; and then
/// as soon as nothing hangs on it. Long flows keep theirs, but in the mode that asks for a change at any price.
/// </summary>
static class Rotation
{
    static readonly TimeSpan s_age = TimeSpan.FromMinutes(10), s_quiet = TimeSpan.FromMinutes(1), s_silent = TimeSpan.FromMinutes(30);

    public static Instant Due(Instant firstUse, IRandom random) => firstUse + 0.8 * s_age + random.NextTime(0.4 * s_age);

    /// <param name="isInUse">A connection or a query hangs on it.</param>
    /// <param name="lastTraffic">When a packet last left by it.</param>
    public static bool MayChange(ConnectionMode mode, bool isInUse, Instant lastTraffic, Instant now) =>
        mode == ConnectionMode.Paranoid || now - lastTraffic >= (isInUse ? s_silent : s_quiet);
}
