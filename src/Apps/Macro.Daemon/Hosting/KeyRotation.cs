using Macro.Core;
using Macro.Daemon.Storage;

namespace Macro.Daemon.Hosting;

/// <summary>Rotates the relay keys when it is time; looks at least every quarter of an hour, because machines sleep.</summary>
sealed class KeyRotation(KeyRing keys, WallClock clock) : BackgroundService
{
    static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(15), ShortestPause = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (keys.NextRotation is var next && next != Instant.Never)
        {
            var pause = next - clock.Now;
            await Task.Delay(pause < ShortestPause ? ShortestPause : pause > LongestPause ? LongestPause : pause, stoppingToken);
            keys.Rotate();
        }
    }
}
