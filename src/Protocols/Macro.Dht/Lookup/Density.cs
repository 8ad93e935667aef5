namespace Macro.Dht;

/// <summary>
/// How many nodes the network has, told from the distances of the nodes closest to look-up targets: among N random ids the
/// i-th closest lies at i/(N+1) of the space on average. And whether the nodes around one key are too many to be there by chance.
/// </summary>
sealed class Density
{
    const int Kept = 15, Least = 4;

    /// <summary>So unlikely a crowd around a key is not chance: one look-up in a hundred thousand.</summary>
    const double Chance = 1e-5;

    /// <summary>The estimate may be off, above all in a network that grows; an attacker's crowd is denser by far more than this.</summary>
    const double Doubt = 3;

    // Inverse of N+1, each from one look-up; the median shrugs off the few that somebody has forged.
    readonly float[] _spacings = new float[Kept];
    int _next, _count;

    /// <summary>Estimated number of nodes; null before enough look-ups have been made.</summary>
    public double? Nodes { get; private set; }

    /// <param name="distances">Of the closest nodes that answered, as fractions of the space, ascending.</param>
    public void Add(ReadOnlySpan<double> distances)
    {
        if (distances.Length < 2)
            return;
        double weighted = 0, squares = 0;
        for (var i = 0; i < distances.Length; i++)
        {
            weighted += (i + 1) * distances[i];
            squares += (i + 1.0) * (i + 1);
        }
        _spacings[_next] = (float)(weighted / squares);
        _next = (_next + 1) % Kept;
        _count = Math.Min(Kept, _count + 1);
        if (_count < Least)
            return;
        Span<float> sorted = stackalloc float[_count];
        _spacings.AsSpan(0, _count).CopyTo(sorted);
        sorted.Sort();
        Nodes = Math.Max(1, 1 / sorted[_count / 2] - 1);
    }

    /// <summary>
    /// Are there more nodes this near than chance puts there? Of N random nodes the number within distance d is Poisson with
    /// mean N*d; each rank is tested, with N taken three times as large.
    /// </summary>
    public bool IsCrowded(ReadOnlySpan<double> distances)
    {
        if (Nodes is not { } nodes)
            return false;
        for (var i = 2; i < distances.Length; i++)
            if (AtLeast(i + 1, Doubt * nodes * distances[i]) < Chance / distances.Length)
                return true;
        return false;
    }

    /// <summary>P(X >= count) for a Poisson variable.</summary>
    static double AtLeast(int count, double mean)
    {
        if (mean > count)
            return 1;
        // The tail's terms fall off at once, so it is summed from its head.
        var term = Math.Exp(-mean);
        for (var i = 1; i <= count; i++)
            term *= mean / i;
        var sum = 0.0;
        for (var i = count; i < count + 50 && term > 0; i++)
        {
            sum += term;
            term *= mean / (i + 1);
        }
        return sum;
    }
}
