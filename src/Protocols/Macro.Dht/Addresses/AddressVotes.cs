using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// Our own endpoint as others see it (the "ip" of BEP 42): what most of the last voices say, one voice for each /24 or /48,
/// so that few neighbours cannot tell us who we are.
/// </summary>
sealed class AddressVotes
{
    const int Voices = 16, Quorum = 4;

    // In the order in which they came; the oldest gives way.
    readonly List<(Site Voter, Endpoint Seen)> _votes = new(0);

    /// <summary>What the majority says; none while there is no majority of at least four.</summary>
    public Endpoint Majority { get; private set; }

    /// <param name="distinct">One voice for each network of voters; false where all nodes share one.</param>
    /// <returns>True when the majority has changed.</returns>
    public bool Vote(Endpoint voter, Endpoint seen, bool distinct)
    {
        var site = distinct ? Site.Of(voter.Address) : new Site(voter.Address.Bits ^ ((UInt128)voter.Port << 100));
        _votes.RemoveAll(vote => vote.Voter == site);
        if (_votes.Count == Voices)
            _votes.RemoveAt(0);
        _votes.Add((site, seen));

        var before = Majority;
        var agree = 0;
        foreach (var vote in _votes)
            if (vote.Seen == seen)
                agree++;
        if (agree >= Quorum && 2 * agree > _votes.Count)
            Majority = seen;
        return Majority != before;
    }
}
