using Macro.Core;

namespace Macro.Nat.Reachability;

/// <summary>An endpoint at which others may reach us, and what trying it has shown.</summary>
sealed class Candidate(Endpoint endpoint, ReachableBy by)
{
    const int Proofs = 2, MostFailures = 3;

    static readonly TimeSpan s_proofAge = TimeSpan.FromHours(1);

    // Networks from which somebody came through, with the last time.
    readonly Dictionary<UInt128, Instant> _proofs = [];
    int _failures;

    public Endpoint Endpoint { get; } = endpoint;

    public ReachableBy By { get; } = by;

    /// <summary>When it was last said to exist.</summary>
    public Instant SeenAt { get; set; }

    /// <summary>Somebody came through from two networks within the hour, and not everybody failed since.</summary>
    public bool IsProven(Instant now) => _failures < MostFailures && _proofs.Values.Count(at => now - at <= s_proofAge) >= Proofs;

    /// <summary>Nobody could come through, three times in a row.</summary>
    public bool IsDisproven => _failures >= MostFailures;

    public void Record(IpAddress from, bool arrived, Instant now)
    {
        if (!arrived)
        {
            _failures++;
            return;
        }
        _failures = 0;
        if (_proofs.Count == 16)
            _proofs.Remove(_proofs.MinBy(proof => proof.Value).Key);
        _proofs[from.IsV4 ? from.Bits >> 8 : from.Bits >> 80 << 80] = now;
    }
}
