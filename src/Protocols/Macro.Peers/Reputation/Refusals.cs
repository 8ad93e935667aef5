using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Networks in which an exit refused what it promises to let through. It says so itself, in its own session, so no blame is to be shared; but its own addresses,
/// which the client does not all know, every exit refuses, and rules may have changed since the descriptor was signed. So it takes several networks, in a day.
/// </summary>
sealed class Refusals
{
    public const int Enough = 8;

    static readonly TimeSpan s_lasts = TimeSpan.FromDays(1);

    readonly List<(Prefix Network, Instant At)> _networks = [];

    /// <summary>True when that makes enough; it begins anew then.</summary>
    public bool Add(Prefix network, Instant now)
    {
        _networks.RemoveAll(one => one.Network == network || now - one.At > s_lasts);
        _networks.Add((network, now));
        if (_networks.Count < Enough)
            return false;
        _networks.Clear();
        return true;
    }
}
