using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// A gateway's count of seconds since it last had all its mappings: when it runs off our own clock, they are gone
/// (RFC 6887 8.5, RFC 6886 3.6).
/// </summary>
sealed class GatewayEpoch
{
    (Instant At, uint Seconds)? _last;

    /// <summary>Takes the count of a message in.</summary>
    /// <returns>False when the gateway has lost its state since the last one.</returns>
    public bool IsContinued(uint seconds, Instant now)
    {
        var last = _last;
        _last = (now, seconds);
        if (last is not var (at, before))
            return true;
        if ((long)seconds < before - 1L)
            return false;
        var ours = (long)(now - at).TotalSeconds;
        var theirs = (long)seconds - before;
        return ours + 2 >= theirs - theirs / 16 && theirs + 2 >= ours - ours / 16;
    }
}
