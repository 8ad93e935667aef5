using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// What is believed of a share (here: of circuits that a relay does not spoil) after counted outcomes: a Beta distribution whose
/// evidence fades by half with each <see cref="HalfLife"/>. Counts may be fractions: blame can be shared.
/// </summary>
/// <param name="Good">Successes as they weigh at <paramref name="At"/>, 0 and up.</param>
/// <param name="Bad">Failures, likewise.</param>
public readonly record struct BetaPosterior(double Good, double Bad, Instant At)
{
    // Before any evidence: most relays work, and it takes little to think otherwise.
    const double PriorGood = 2, PriorBad = 0.5;

    public static readonly TimeSpan HalfLife = TimeSpan.FromDays(7);

    public double Mean => A / (A + B);

    /// <summary>Outcomes that still count.</summary>
    public double Weight => Good + Bad;

    double A => Good + PriorGood;

    double B => Bad + PriorBad;

    double Deviation => Math.Sqrt(A * B / ((A + B) * (A + B) * (A + B + 1)));

    /// <summary>The share is above this with a probability of about 84 %: what is little known counts as worse than it may be.</summary>
    public double Lower => Math.Max(0.01, Mean - Deviation);

    public BetaPosterior With(double good, double bad, Instant now)
    {
        var faded = FadedTo(now);
        return faded with { Good = faded.Good + good, Bad = faded.Bad + bad };
    }

    public BetaPosterior FadedTo(Instant now)
    {
        if (now <= At)
            return this;
        var left = Math.Pow(0.5, (now - At) / HalfLife);
        return new BetaPosterior(Good * left, Bad * left, now);
    }
}
