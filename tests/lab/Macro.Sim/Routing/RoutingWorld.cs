using System.Buffers.Binary;
using System.Globalization;
using Macro.Circuits;
using Macro.Core;
using Macro.Peers;

namespace Macro.Sim;

/// <summary>A point on the map, in milliseconds of round-trip time, and the last mile below it.</summary>
readonly record struct Site(double X, double Y, double Mile);

/// <summary>
/// Relays and clients of a world like the internet's: five crowded regions and their distances, last miles, ways that are longer than
/// the map says, capacities over three orders of magnitude, operators with several relays, few systems with many.
/// </summary>
sealed class RoutingWorld
{
    // Centre and spread in ms, share of relays, share of clients, countries.
    static readonly (double X, double Y, double Spread, double Relays, double Clients, string Countries)[] s_regions =
    [
        (0, 0, 10, 0.55, 0.40, "DE FR NL CH SE GB FI AT PL RO ES IT"),
        (85, 0, 10, 0.20, 0.22, "US CA"),
        (145, 15, 10, 0.12, 0.13, "US CA MX"),
        (215, 130, 20, 0.09, 0.18, "JP SG HK KR IN"),
        (110, -130, 20, 0.04, 0.07, "BR AR CL"),
    ];

    readonly IRandom _random;
    readonly double[,] _between;

    public RoutingWorld(IRandom random, int relays)
    {
        _random = random;
        Relays = new Candidate[relays];
        Sites = new Site[relays];
        Capacity = new double[relays];
        for (var i = 0; i < relays; i++)
            Make(i);
        _between = new double[relays, relays];
        for (var i = 0; i < relays; i++)
            for (var j = 0; j < i; j++)
                _between[i, j] = _between[j, i] = Time(Sites[i], Sites[j]) * Detour();
    }

    /// <summary>By number; the number is the node id.</summary>
    public Candidate[] Relays { get; }

    public Site[] Sites { get; }

    /// <summary>True Mbit/s.</summary>
    public double[] Capacity { get; }

    public static int Number(Candidate relay) => int.Parse(relay.Target.Name, CultureInfo.InvariantCulture);

    /// <summary>True round-trip time between two relays, ms.</summary>
    public double Between(int i, int j) => _between[i, j];

    public Site NewClient()
    {
        var at = _random.NextDouble();
        var region = Array.FindIndex(s_regions, one => (at -= one.Clients) < 0);
        return Place(s_regions[Math.Max(0, region)], 3, 20);
    }

    /// <summary>True round-trip times from a client to every relay, ms.</summary>
    public double[] From(Site client) => [.. Sites.Select(site => Time(client, site) * Detour())];

    /// <summary>Coordinates as the relays find them by measuring each other, written into their descriptors.</summary>
    public void FindCoordinates(int rounds)
    {
        Vivaldi[] found = [.. Relays.Select(_ => new Vivaldi(_random))];
        // Each has a set of neighbours, as the discovery's links give it.
        int[][] neighbours = [.. Relays.Select(_ => Enumerable.Range(0, 40).Select(_ => _random.NextInt(Relays.Length)).ToArray())];
        var published = new NetworkCoordinates[Relays.Length];
        Array.Fill(published, new NetworkCoordinates(0, 0, 0, 10));
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < found.Length; i++)
            {
                var other = neighbours[i][_random.NextInt(40)];
                if (other != i)
                    found[i].Observe(Relays[other].Id, published[other], Measured(Between(i, other)));
            }
            for (var i = 0; i < found.Length; i++)
                if (!found[i].Coordinates.IsUnknown())
                    published[i] = found[i].Coordinates;
        }
        for (var i = 0; i < found.Length; i++)
            Relays[i] = Relays[i] with { Coordinates = found[i].Coordinates };
        PlaceRelays();
    }

    /// <summary>As a client takes in what the descriptors tell.</summary>
    public void PlaceRelays() => Candidate.Placed(Relays).CopyTo(Relays, 0);

    /// <summary>A client's own, from a dozen relays that it met when it looked for relays.</summary>
    public NetworkCoordinates FindCoordinates(double[] times)
    {
        var found = new Vivaldi(_random);
        int[] met = [.. Enumerable.Range(0, 12).Select(_ => _random.NextInt(Relays.Length))];
        for (var round = 0; round < 10; round++)
            foreach (var relay in met)
                found.Observe(Relays[relay].Id, Relays[relay].Coordinates, Measured(times[relay]));
        return found.Coordinates;
    }

    /// <summary>As a probe measures it: one in ten meets a queue.</summary>
    public TimeSpan Measured(double ms) =>
        TimeSpan.FromMilliseconds(ms * (1 + 0.03 * _random.NextDouble()) + (_random.NextInt(10) == 0 ? 40 * _random.NextDouble() : 0));

    void Make(int i)
    {
        var at = _random.NextDouble();
        var region = s_regions[Math.Max(0, Array.FindIndex(s_regions, one => (at -= one.Relays) < 0))];
        Sites[i] = Place(region, 0.5, 4);
        Capacity[i] = Math.Clamp(Math.Pow(2, 5 + 1.8 * Normal()), 1, 1000);
        var countries = region.Countries.Split(' ');
        var address = IpAddress.FromV4(((uint)_random.NextInt(60_000) + 2000) << 16 | (uint)_random.NextInt(65536));
        var id = new byte[NodeId.Size];
        BinaryPrimitives.WriteInt32BigEndian(id, i + 1);
        Relays[i] = new Candidate
        {
            Id = new NodeId(id),
            IsExit = _random.NextInt(100) < 35,
            // Three of ten relays belong to operators of several; systems have sizes as in nature, a few with very many.
            Family = _random.NextInt(10) < 3 ? (ulong)_random.NextInt(60) + 1 : 0,
            Asn = (uint)(200 * Math.Pow(_random.NextDouble(), 3)) + 1,
            BandwidthClass = (byte)Math.ILogB(Capacity[i]),
            Endpoints = [new Endpoint(address, 51820)],
            Target = new HopTarget
            {
                Name = i.ToString(CultureInfo.InvariantCulture),
                RelayKey = default,
                Endpoint = new Endpoint(address, 51820),
                Descriptor = default,
                Region = countries[_random.NextInt(countries.Length)],
            },
        };
    }

    Site Place((double X, double Y, double Spread, double, double, string) region, double leastMile, double mostMile) => new(
        region.X + region.Spread * Normal(), region.Y + region.Spread * Normal(), leastMile + (mostMile - leastMile) * Math.Pow(_random.NextDouble(), 2));

    static double Time(Site a, Site b) => Math.Sqrt((a.X - b.X) * (a.X - b.X) + (a.Y - b.Y) * (a.Y - b.Y)) + a.Mile + b.Mile;

    /// <summary>Routes are longer than the map says, by a tenth in the middle.</summary>
    double Detour() => Math.Exp(0.1 + 0.12 * Normal());

    double Normal() => Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble())) * Math.Cos(2 * Math.PI * _random.NextDouble());
}
