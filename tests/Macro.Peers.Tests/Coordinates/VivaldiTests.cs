using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public class VivaldiTests
{
    readonly SeededRandom _random = new(5);

    [Fact]
    public void Nodes_of_a_world_find_their_places()
    {
        var world = new World(_random, 100);
        Assert.All(world.Nodes, node => Assert.True(node.Coordinates.IsUnknown()));
        world.Run(400);
        Assert.InRange(world.MedianError(), 0, 0.12);
        Assert.All(world.Nodes, node => Assert.InRange(node.Error, 0, 0.4));
    }

    [Fact]
    public void The_first_of_a_network_find_their_places_though_nobody_has_told_one()
    {
        var world = new World(_random, 40) { TellEvery = 15 };
        world.Run(1500);
        Assert.All(world.Nodes, node => Assert.False(node.Coordinates.IsUnknown()));
        Assert.InRange(world.MedianError(), 0, 0.2);
    }

    [Fact]
    public void Liars_do_not_spoil_it()
    {
        var world = new World(_random, 100) { Liars = 20 };
        world.Run(400);
        Assert.InRange(world.MedianError(), 0, 0.2);
        Assert.True(world.Nodes[50].Refused > 0);
    }

    [Fact]
    public void No_single_pull_moves_far()
    {
        var node = new Vivaldi(_random);
        var before = node.Place;
        node.Observe(Nodes.Id(1), new NetworkCoordinates(30000, 0, 0, 10), TimeSpan.FromMilliseconds(1));
        var moved = before.RoundTrip(node.Place)!.Value;
        Assert.InRange(moved.TotalMilliseconds, 1, 25);
    }

    [Fact]
    public void What_is_no_measurement_teaches_nothing()
    {
        var node = new Vivaldi(_random);
        var before = node.Place;
        node.Observe(Nodes.Id(1), new NetworkCoordinates(1, 1, 1, 1), TimeSpan.Zero);
        node.Observe(Nodes.Id(1), new NetworkCoordinates(1, 1, 1, 1), TimeSpan.FromMinutes(1));
        Assert.Equal((before, 1.0), (node.Place, node.Error));
    }

    [Fact]
    public void Distances_add_height_at_both_ends() => Assert.Equal(
        TimeSpan.FromMilliseconds(50 + 3 + 2), new NetworkCoordinates(0, 300, 0, 30).RoundTrip(new NetworkCoordinates(400, 0, 0, 20)));

    /// <summary>Nodes with true places on a plane and last miles; each asks random others for its time and their claims.</summary>
    sealed class World
    {
        readonly SeededRandom _random;
        readonly (double X, double Y, double Mile)[] _places;

        public World(SeededRandom random, int nodes)
        {
            _random = random;
            _places = [.. Enumerable.Range(0, nodes).Select(_ => (150 * random.NextDouble(), 80 * random.NextDouble(), 1 + 8 * random.NextDouble()))];
            Nodes = [.. _places.Select(_ => new Vivaldi(random))];
        }

        /// <summary>The first so many claim the same far point, and stay there.</summary>
        public int Liars { get; init; }

        /// <summary>Rounds after which nodes publish where they stand, if they know; 0: all see it as it is.</summary>
        public int TellEvery { get; init; }

        public Vivaldi[] Nodes { get; }

        public void Run(int rounds)
        {
            var told = new NetworkCoordinates[Nodes.Length];
            for (var round = 0; round < rounds; round++)
            {
                if (TellEvery > 0 && round % TellEvery == 0)
                    told = [.. Nodes.Select(node => node.Coordinates)];
                for (var i = 0; i < Nodes.Length; i++)
                {
                    var other = _random.NextInt(Nodes.Length);
                    if (other == i)
                        continue;
                    var claim = other < Liars ? new NetworkCoordinates(9000, 9000, 9000, 1) : TellEvery > 0 ? told[other] : Nodes[other].Place;
                    // One in ten measurements meets a queue.
                    var late = _random.NextInt(10) == 0 ? 60 * _random.NextDouble() : 0;
                    Nodes[i].Observe(Tests.Nodes.Id(other), claim, TimeSpan.FromMilliseconds(Time(i, other) + late));
                }
            }
        }

        public double MedianError()
        {
            var errors = new List<double>();
            for (var i = Liars; i < Nodes.Length; i++)
                for (var j = i + 1; j < Nodes.Length; j++)
                    errors.Add(Math.Abs(Nodes[i].Place.RoundTrip(Nodes[j].Place)!.Value.TotalMilliseconds - Time(i, j)) / Time(i, j));
            errors.Sort();
            return errors[errors.Count / 2];
        }

        double Time(int i, int j)
        {
            var (a, b) = (_places[i], _places[j]);
            return Math.Sqrt((a.X - b.X) * (a.X - b.X) + (a.Y - b.Y) * (a.Y - b.Y)) + a.Mile + b.Mile;
        }
    }
}
