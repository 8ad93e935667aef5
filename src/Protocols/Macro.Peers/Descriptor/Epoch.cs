using Macro.Core;

namespace Macro.Peers;

/// <summary>The six-hour periods of discovery: epoch = floor(unix seconds / 21600).</summary>
public static class Epoch
{
    public const int Seconds = 21600;

    public static uint At(Instant now) => (uint)(now.UnixSeconds / Seconds);

    public static Instant StartOf(uint epoch) => Instant.FromUnixSeconds((long)epoch * Seconds);
}
