using Macro.Core;

namespace Macro.Nat.Reachability;

/// <summary>An endpoint at which others may reach us, and what trying it has shown.</summary>
sealed class Candidate(Endpoint endpoint, ReachableBy by)
{
    const int Proofs = 2, MostFailures = 3;

    static readonly TimeSpan s_proofAge = TimeSpan.FromHours(1), s_whenProven = TimeSpan.FromMinutes(20);
    static readonly TimeSpan s_leastPause = TimeSpan.FromMinutes(1), s_mostPause = TimeSpan.FromMinutes(16);

    // Networks from which somebody came through, with the last time.
    readonly Dictionary<UInt128, Instant> _proofs = [];
    int _failures;

    public Endpoint Endpoint { get; } = endpoint;

    public ReachableBy By { get; } = by;

    /// <summary>When it was last said to exist.</summary>
    public Instant SeenAt { get; set; }

    /// <summary>When somebody should try it again: at once until it is proven, then three times an hour, less and less often in vain.</summary>
    public Instant TryAt { get; private set; } = new(long.MinValue / 2);

    /// <summary>Somebody came through from two networks within the hour, and not everybody failed since.</summary>
    public bool IsProven(Instant now) => _failures < MostFailures && _proofs.Values.Count(at => now - at <= s_proofAge) >= Proofs;

    /// <summary>Nobody could come through, three times in a row.</summary>
    public bool IsDisproven => _failures >= MostFailures;

    public void Record(IpAddress from, bool arrived, Instant now)
    {
        if (!arrived)
        {
            Postpone(now);
            _failures++;
            return;
        }
        _failures = 0;
        if (_proofs.Count == 16)
            _proofs.Remove(_proofs.MinBy(proof => proof.Value).Key);
        _proofs[NetworkOf(from)] = now;
        TryAt = IsProven(now) ? now + s_whenProven : now;
    }

    /// <summary>Nobody could try it now.</summary>
    public void Postpone(Instant now) =>
        TryAt = now + (_failures < 4 ? s_leastPause * (1 << _failures) : s_mostPause);

    /// <summary>When somebody of that network last came through; long ago when nobody did.</summary>
    public Instant ProvenAt(IpAddress from) => _proofs.GetValueOrDefault(NetworkOf(from), new Instant(long.MinValue / 2));

    static UInt128 NetworkOf(IpAddress from) => from.IsV4 ? from.Bits >> 8 : from.Bits >> 80 << 80;
}
