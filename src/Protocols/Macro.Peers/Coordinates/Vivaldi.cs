using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Finds this node's place in the coordinate space from measured round-trip times (Vivaldi: Dabek et al., SIGCOMM 2004): each
/// measurement pulls or pushes it, the less the surer it is of its place. What neighbours say may be a lie, so: what counts of a
/// neighbour is the median of its last times; how far a neighbour is trusted is judged by what it said before, not by its own word;
/// who pulls much harder than the others do is not heard; no pull moves further than a bound; and a weak pull to the origin keeps the
/// whole space from drifting (Ledlie et al., NSDI 2007). Not thread-safe.
/// </summary>
public sealed class Vivaldi(IRandom random)
{
    /// <summary>The neighbour that was met for the longest time is forgotten first.</summary>
    public const int MostNeighbours = 64;

    const int Window = 5, EnoughToCompare = 8, EnoughToTell = 8;
    const double Step = 0.25, ErrorStep = 0.1, FurthestMs = 15, OutlierDeviations = 4, LeastHeight = 0.1, GravityMs = 500;
    const double UnitsPerMs = 10, WorstErrorToTell = 0.5;

    static readonly TimeSpan s_longest = TimeSpan.FromSeconds(3);
    static readonly NetworkCoordinates s_origin = new(0, 0, 0, (ushort)UnitsPerMs);

    readonly Dictionary<NodeId, Neighbour> _neighbours = [];
    Vector3 _at;
    double _height = 1;
    long _order;

    sealed class Neighbour
    {
        public readonly double[] Times = new double[Window];
        public int Samples;
        public NetworkCoordinates At;

        /// <summary>By how much, of the measured time, it was wrong; smoothed.</summary>
        public double Error = 1;

        /// <summary>Measured minus foretold, milliseconds, when it was heard last.</summary>
        public double Residual;
        public long Order;
    }

    /// <summary>How wrong the place is, as a share of the time that is foretold: 1 knows nothing, 0.1 is good.</summary>
    public double Error { get; private set; } = 1;

    /// <summary>Measurements that were refused as out of line with the others.</summary>
    public long Refused { get; private set; }

    /// <summary>What to publish: unknown until enough was measured.</summary>
    public NetworkCoordinates Coordinates => Error > WorstErrorToTell || _neighbours.Count < EnoughToTell ? default : Place;

    /// <summary>The place as it is thought to be now.</summary>
    internal NetworkCoordinates Place => new(
        Clamp(_at.X), Clamp(_at.Y), Clamp(_at.Z), (ushort)Math.Clamp(Math.Round(_height * UnitsPerMs), 1, ushort.MaxValue));

    /// <summary>
    /// A round-trip time was measured. Called with every probe's answer of relays that are reached directly.
    /// </summary>
    /// <param name="theirs">
    /// Where the neighbour says that it stands. Unknown: it counts as standing at the origin while this node's own place is unknown, too, or
    /// the first of a network would never have anybody to hold on to; after that nothing is learnt from it.
    /// </param>
    public void Observe(NodeId id, NetworkCoordinates theirs, TimeSpan roundTrip)
    {
        if (roundTrip <= TimeSpan.Zero || roundTrip > s_longest || (theirs.IsUnknown() && Error <= WorstErrorToTell))
            return;
        theirs = theirs.IsUnknown() ? s_origin : theirs;
        var neighbour = Meet(id);
        neighbour.Times[neighbour.Samples++ % Window] = roundTrip.TotalMilliseconds;
        neighbour.At = theirs;
        var time = Median(neighbour.Times.AsSpan(0, Math.Min(neighbour.Samples, Window)));
        var toward = _at - PointOf(theirs);
        var height = theirs.Height / UnitsPerMs;
        var foretold = toward.Length + _height + height;
        neighbour.Residual = time - foretold;
        var wrong = Math.Min(1, Math.Abs(neighbour.Residual) / time);
        if (IsOutOfLine(neighbour))
        {
            neighbour.Error = Mix(neighbour.Error, wrong, Step);
            Refused++;
            return;
        }
        var weight = Error / (Error + neighbour.Error);
        Error = Mix(Error, wrong, ErrorStep * weight);
        neighbour.Error = Mix(neighbour.Error, wrong, Step);
        Move(toward, height, Math.Clamp(Step * weight * neighbour.Residual, -FurthestMs, FurthestMs));
    }

    void Move(Vector3 toward, double height, double push)
    {
        var length = toward.Length;
        if (length < 0.01)
        {
            // On the same spot: any direction is as good.
            toward = new Vector3(random.NextDouble() - 0.5, random.NextDouble() - 0.5, random.NextDouble() - 0.5);
            length = toward.Length;
        }
        // Height takes its part of the way, in both directions.
        var whole = length + _height + height;
        _at += push * (length / whole) / length * toward;
        _height = Math.Max(LeastHeight, _height + push * (_height + height) / whole);
        var outside = _at.Length / GravityMs;
        if (outside > 0.01)
            _at -= Math.Min(1, outside * outside) / _at.Length * _at;
    }

    /// <summary>Pulls several times as hard as the others do in the median.</summary>
    bool IsOutOfLine(Neighbour neighbour)
    {
        if (_neighbours.Count < EnoughToCompare)
            return false;
        Span<double> pulls = stackalloc double[MostNeighbours];
        var count = 0;
        foreach (var other in _neighbours.Values)
            pulls[count++] = Math.Abs(other.Residual);
        var median = Median(pulls[..count]);
        for (var i = 0; i < count; i++)
            pulls[i] = Math.Abs(pulls[i] - median);
        var deviation = Math.Max(1, Median(pulls[..count]));
        return Math.Abs(neighbour.Residual) > median + OutlierDeviations * deviation;
    }

    Neighbour Meet(NodeId id)
    {
        if (!_neighbours.TryGetValue(id, out var neighbour))
        {
            if (_neighbours.Count >= MostNeighbours)
                _neighbours.Remove(_neighbours.MinBy(pair => pair.Value.Order).Key);
            _neighbours[id] = neighbour = new Neighbour();
        }
        neighbour.Order = _order++;
        return neighbour;
    }

    static Vector3 PointOf(NetworkCoordinates at) => new(at.X / UnitsPerMs, at.Y / UnitsPerMs, at.Z / UnitsPerMs);

    static double Median(Span<double> values)
    {
        Span<double> sorted = stackalloc double[MostNeighbours];
        sorted = sorted[..values.Length];
        values.CopyTo(sorted);
        sorted.Sort();
        return sorted[sorted.Length / 2];
    }

    static double Mix(double before, double now, double share) => before + share * (now - before);

    static short Clamp(double ms) => (short)Math.Clamp(Math.Round(ms * UnitsPerMs), short.MinValue, short.MaxValue);
}
