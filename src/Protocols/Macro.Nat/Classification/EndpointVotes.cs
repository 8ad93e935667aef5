using Macro.Core;

namespace Macro.Nat.Classification;

/// <summary>Somebody told us from which endpoint our datagrams reach him.</summary>
/// <param name="Voter">Who: the endpoint that we sent to.</param>
/// <param name="Seen">What he saw.</param>
public readonly record struct Observation(Endpoint Voter, Endpoint Seen, Instant At);

/// <summary>How many must agree before a node believes what others say about it.</summary>
/// <param name="Voices">Addresses that agree.</param>
/// <param name="Networks">Different /24 or /48 among them.</param>
public readonly record struct VoteRules(int Voices, int Networks)
{
    public static readonly VoteRules Internet = new(4, 3);

    /// <summary>For private networks of few relays that know each other.</summary>
    public static readonly VoteRules Private = new(1, 1);
}

/// <summary>
/// Our outside address by majority: the newest word of each voter counts, for an hour; a network of voters has two voices at
/// most, so that few neighbours cannot tell us who we are.
/// </summary>
sealed class EndpointVotes(VoteRules rules)
{
    const int MostVotes = 64, MostOfNetwork = 2;

    static readonly TimeSpan s_age = TimeSpan.FromHours(1);

    // In the order in which they came.
    readonly List<Observation> _votes = [];

    /// <summary>What most say; none before enough agree.</summary>
    public IpAddress? Address { get; private set; }

    /// <summary>Votes for another address than that of the majority.</summary>
    public int Against { get; private set; }

    /// <summary>The observations of the majority's address, oldest first.</summary>
    public IEnumerable<Observation> Believed => _votes.Where(vote => vote.Seen.Address == Address);

    public void Add(Observation observation)
    {
        _votes.RemoveAll(vote => vote.Voter == observation.Voter || observation.At - vote.At > s_age);
        if (_votes.Count == MostVotes)
            _votes.RemoveAt(0);
        _votes.Add(observation);
        Count();
    }

    /// <summary>Another network: what was said before no longer counts.</summary>
    public void Clear()
    {
        _votes.Clear();
        Count();
    }

    void Count()
    {
        var voices =
            from vote in _votes
            group vote by Network.Of(vote.Voter.Address) into network
            from voice in network.DistinctBy(vote => vote.Voter.Address).TakeLast(MostOfNetwork)
            select (Network: network.Key, voice.Seen.Address);
        var counted = voices.ToList();
        var best = counted.GroupBy(voice => voice.Address).MaxBy(group => group.Count());
        var agree = best?.Count() ?? 0;
        Address = best is not null && agree >= rules.Voices && 2 * agree > counted.Count
            && best.Select(voice => voice.Network).Distinct().Count() >= rules.Networks ? best.Key : null;
        Against = Address is null ? 0 : counted.Count - agree;
    }
}

/// <summary>What one customer of a provider has, as a rule: a /24 of IPv4, a /48 of IPv6.</summary>
readonly record struct Network(UInt128 Bits)
{
    public static Network Of(IpAddress address) => new(address.IsV4 ? address.Bits >> 8 : address.Bits >> 80 << 80);
}
