using Macro.Core;

namespace Macro.Daemon.Hosting;

/// <summary>The time of day as an <see cref="Instant"/> that never goes back. For keys and descriptors, which name dates.</summary>
public sealed class WallClock(TimeProvider time)
{
    long _latest;

    public Instant Now
    {
        get
        {
            var now = time.GetUtcNow().UtcTicks - DateTime.UnixEpoch.Ticks;
            var latest = Interlocked.Read(ref _latest);
            while (now > latest)
            {
                var seen = Interlocked.CompareExchange(ref _latest, now, latest);
                if (seen == latest)
                    return new Instant(now);
                latest = seen;
            }
            return new Instant(latest);
        }
    }
}
