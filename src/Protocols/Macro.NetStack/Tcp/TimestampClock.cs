using Macro.Core;

namespace Macro.NetStack.Tcp;

/// <summary>The clock of the timestamps option: milliseconds (RFC 7323 5.4).</summary>
static class TimestampClock
{
    public static uint Now(long ticks) => (uint)(ticks / TimeSpan.TicksPerMillisecond);
}
