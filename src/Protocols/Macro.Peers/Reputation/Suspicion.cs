namespace Macro.Peers;

/// <summary>
/// Whether a relay spoils circuits more often than honest ones do: Page's cumulative sum of log-likelihood ratios between a relay
/// that spoils 30 % and one that spoils 5 %. It never falls below zero, so that a good past buys no licence to turn bad. A failure that a neighbour
/// may have caused says the less, the more that neighbour spoils by what is known of it now: it may have been a stranger when it happened. No neighbour
/// counts more than three times, or a guard could get every relay blocked that it does not like, and a bad line between two would look like a bad relay.
/// </summary>
sealed class Suspicion
{
    const double Honest = 0.05, Hostile = 0.30;

    /// <summary>Nats. A relay that spoils 30 % passes it after some 20 circuits; one that spoils 1 % hardly ever.</summary>
    const double Limit = 5.5;

    /// <summary>Four prove it when nobody shares the blame; what lies further back than these says little.</summary>
    const int MostFailures = 16;

    const int MostOfNeighbour = 3;

    // A neighbour of whom nothing is known: one relay in twenty spoils circuits, say, and it takes little to think otherwise.
    const double PriorGood = 4, PriorBad = 0.2;

    static readonly double s_perSuccess = Math.Log((1 - Honest) / (1 - Hostile));

    readonly List<Failure> _failures = new(0);

    /// <param name="Kind">What the relay did if it was to blame.</param>
    /// <param name="Neighbour">Who else may have caused it; null: nobody.</param>
    /// <param name="Share">What of it the neighbour was blamed for, 0..1.</param>
    /// <param name="Weight">0..1: a refusal may have a good reason.</param>
    /// <param name="Successes">That followed it, before the next failure.</param>
    readonly record struct Failure(Offence Kind, NodeId? Neighbour, double Share, double Weight, int Successes);

    public void Succeeded()
    {
        if (_failures.Count > 0)
            _failures[^1] = _failures[^1] with { Successes = _failures[^1].Successes + 1 };
    }

    public void Failed(Offence kind, NodeId? neighbour, double share, double weight = 1)
    {
        if (_failures.Count == MostFailures)
            _failures.RemoveAt(0);
        _failures.Add(new Failure(kind, neighbour, share, weight, 0));
    }

    /// <summary>What most of its failures were.</summary>
    public Offence Kind => _failures.CountBy(failure => failure.Kind).MaxBy(kind => kind.Value).Key;

    public void Clear() => _failures.Clear();

    /// <param name="outcomes">All that is known of a neighbour's circuits.</param>
    public bool IsProven(Func<NodeId, BetaPosterior> outcomes)
    {
        var sum = 0.0;
        for (var i = 0; i < _failures.Count; i++)
        {
            var failure = _failures[i];
            if (!IsRepeated(i))
                sum += failure.Weight * PerFailure(failure.Neighbour is { } neighbour ? Spoils(outcomes(neighbour), failure.Share) : 0);
            if (sum >= Limit)
                return true;
            sum = Math.Max(0, sum - failure.Successes * s_perSuccess);
        }
        return false;
    }

    /// <summary>As many failures before it were shared with the same neighbour as count.</summary>
    bool IsRepeated(int at)
    {
        var before = 0;
        for (var i = 0; i < at && _failures[at].Neighbour is not null; i++)
            before += _failures[i].Neighbour == _failures[at].Neighbour ? 1 : 0;
        return before >= MostOfNeighbour;
    }

    /// <param name="otherwise">How often the circuit would have failed without this relay.</param>
    static double PerFailure(double otherwise) => Math.Log((Hostile + otherwise) / (Honest + otherwise));

    /// <summary>The share of circuits that a neighbour spoils, by all that is known of it but for one failure.</summary>
    static double Spoils(BetaPosterior outcomes, double without)
    {
        var bad = Math.Max(0, outcomes.Bad - without) + PriorBad;
        return bad / (outcomes.Good + bad + PriorGood);
    }
}
