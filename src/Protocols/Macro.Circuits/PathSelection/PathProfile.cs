namespace Macro.Circuits;

/// <summary>
/// What a mode asks of a path. A relay's weight is capacity^a x reliability^b x speed^c; each exponent 0..4, 0 for what
/// does not count. Price is a filter and never a weight.
/// </summary>
/// <param name="Hops">1 to 3.</param>
/// <param name="Capacity">a. At 1, every relay gets a share of the circuits in proportion to what it can carry.</param>
/// <param name="Reliability">b.</param>
/// <param name="Speed">c. Each step up makes paths faster and easier to guess.</param>
/// <param name="DifferentCountries">Two hops in one country are too near.</param>
public sealed record PathProfile(int Hops, double Capacity, double Reliability, double Speed, bool DifferentCountries);

/// <summary>What is known about relays beyond what they say themselves. Asked often: answers must be cheap.</summary>
public interface IRelayKnowledge
{
    /// <summary>Mbit/s that may be counted on, above 0.</summary>
    double Capacity(Candidate relay);

    /// <summary>A cautious estimate of the share of circuits that it does not spoil, 0..1.</summary>
    double Reliability(Candidate relay);

    /// <summary>Round-trip time between two, or null when nothing tells.</summary>
    /// <param name="from">Null: this client.</param>
    TimeSpan? RoundTrip(Candidate? from, Candidate to);
}

/// <summary>A path that is wanted.</summary>
public sealed record PathRequest
{
    public required PathProfile Profile { get; init; }

    /// <summary>Every relay that is known and not avoided, each once.</summary>
    public required IReadOnlyList<Candidate> Candidates { get; init; }

    /// <summary>ISO 3166 countries of the exit in the order of preference; empty: any.</summary>
    public IReadOnlyList<string> ExitRegions { get; init; } = [];

    /// <summary>When no exit of <see cref="ExitRegions"/> will do, any other may.</summary>
    public bool OtherRegions { get; init; }

    /// <summary>Only relays that take TCP may be the first hop.</summary>
    public bool EntriesByTcp { get; init; }

    /// <summary>Which exits a site's rule or the wanted traffic allows; null: all.</summary>
    public Func<Candidate, bool>? MayExit { get; init; }

    /// <summary>
    /// Gives the guards that fit beside an exit, in the order in which they are to be tried. Null: any relay may be the entry.
    /// </summary>
    public Func<Func<Candidate, bool>, IEnumerable<Candidate>>? Guards { get; init; }
}
