namespace Macro.Peers.Tests;

static class ChiSquare
{
    /// <summary>Pearson's statistic of counts that should all be alike; one degree of freedom less than counts.</summary>
    public static double Of(IReadOnlyCollection<int> counts)
    {
        var expected = counts.Average();
        return counts.Sum(c => (c - expected) * (c - expected)) / expected;
    }
}
