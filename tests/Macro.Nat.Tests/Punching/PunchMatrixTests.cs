using System.Text;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Nat.Tests;

/// <summary>Every kind of NAT against every other.</summary>
public class PunchMatrixTests(ITestOutputHelper output)
{
    const int Tries = 12;

    static readonly string[] s_names =
    [
        "public", "firewall", "full cone", "address-restricted", "port-restricted", "sequential", "random", "CGN+home", "blocked",
    ];

    // d: direct in every try. -: never. The order of rows and columns is that of the names.
    const string Expected = """
        dddddddd-
        dddddddd-
        dddddddd-
        dddddddd-
        dddddddd-
        dddddd-d-
        ddddd--d-
        dddddddd-
        ---------
        """;

    [Fact]
    public void Every_pair_that_can_be_punched_is_direct_and_no_other()
    {
        var table = new StringBuilder();
        for (var a = 0; a < s_names.Length; a++)
        {
            for (var b = 0; b < s_names.Length; b++)
            {
                var direct = 0;
                var slowest = TimeSpan.Zero;
                for (var i = 0; i < Tries; i++)
                {
                    var world = Make(a, b, seed: (ulong)(1000 * a + 100 * b + i));
                    var start = world.Now;
                    world.Begin();
                    world.Run(TimeSpan.FromSeconds(20), () => world.IsDirect || world.IsOver);
                    direct += world.IsDirect ? 1 : 0;
                    slowest = world.Now - start > slowest ? world.Now - start : slowest;
                }
                table.Append(direct == Tries ? 'd' : direct == 0 ? '-' : '?');
                output.WriteLine($"{s_names[a]} - {s_names[b]}: {direct}/{Tries}, at most {slowest.TotalMilliseconds:F0} ms");
            }
            table.Append('\n');
        }
        Assert.Equal(Expected, table.ToString().TrimEnd('\n'));
    }

    [Fact]
    public void One_datagram_in_ten_may_be_lost()
    {
        for (var i = 0; i < 50; i++)
        {
            var world = Make(4, 5, (ulong)(77_000 + i));
            world.Loss = 0.1;
            world.Begin();
            world.Run(TimeSpan.FromSeconds(20), () => world.IsDirect || world.IsOver);
            // The first flow of a sequential NAT may be the one that is lost; it is there all the same, and pinged again.
            Assert.True(world.IsDirect, $"try {i}");
        }
    }

    [Fact]
    public void Neighbours_meet_in_their_own_network_and_behind_one_provider()
    {
        var home = new PunchWorld(5, (random, topology) =>
        {
            var box = new NatBox(NatBoxKind.PortRestricted, IpAddress.Parse("44.131.0.1"), null, random);
            return (Place(topology, "192.168.1.11:51820", box), Place(topology, "192.168.1.12:51820", box));
        });
        home.Begin();
        home.Run(TimeSpan.FromSeconds(20), () => home.IsDirect);
        Assert.Equal(Endpoint.Parse("192.168.1.12:51820"), home.A.Path!.Path!.Value.Remote);

        var provider = new PunchWorld(6, (random, topology) =>
        {
            var cgn = new NatBox(NatBoxKind.PortRestricted with { Hairpin = true }, IpAddress.Parse("44.131.0.1"), null, random);
            return (Place(topology, "192.168.1.11:51820", new NatBox(NatBoxKind.PortRestricted, IpAddress.Parse("100.64.0.1"), cgn, random)),
                Place(topology, "192.168.2.11:51821", new NatBox(NatBoxKind.PortRestricted, IpAddress.Parse("100.64.0.2"), cgn, random)));
        });
        provider.Begin();
        provider.Run(TimeSpan.FromSeconds(20), () => provider.IsDirect || provider.IsOver);
        Assert.True(provider.IsDirect);
    }

    [Fact]
    public void An_attempt_costs_little_whatever_becomes_of_it()
    {
        foreach (var (a, b, most) in ((int, int, int)[])[(4, 4, 400), (6, 6, 400), (6, 4, 6000)])
        {
            var world = Make(a, b, 9);
            world.Begin();
            world.Run(TimeSpan.FromSeconds(30));
            Assert.InRange(world.A.Sent, 1, most);
            Assert.InRange(world.B.Sent, 1, most);
        }
    }

    static PunchWorld Make(int a, int b, ulong seed) => new(seed, (random, topology) => (
        Place(topology, a, 1, random), Place(topology, b, 2, random)));

    static Endpoint Place(NatTopology topology, int kind, int side, IRandom random)
    {
        var outside = IpAddress.Parse($"44.{130 + side}.0.1");
        NatBox Box(NatBoxKind nat, NatBox? upstream = null) => new(nat, upstream is null ? outside : IpAddress.Parse($"100.64.{side}.2"), upstream, random);
        var box = s_names[kind] switch
        {
            "public" => null,
            "firewall" => Box(NatBoxKind.Firewall),
            "full cone" => Box(NatBoxKind.FullCone),
            "address-restricted" => Box(NatBoxKind.AddressRestricted),
            "port-restricted" => Box(NatBoxKind.PortRestricted),
            "sequential" => Box(NatBoxKind.Sequential),
            "random" => Box(NatBoxKind.Random),
            "CGN+home" => Box(NatBoxKind.PortRestricted, Box(NatBoxKind.PortRestricted)),
            _ => Box(NatBoxKind.Blocked),
        };
        return Place(topology, kind < 2 ? $"44.{130 + side}.7.7:51820" : $"192.168.{side}.11:51820", box);
    }

    static Endpoint Place(NatTopology topology, string endpoint, NatBox? box)
    {
        var own = Endpoint.Parse(endpoint);
        topology.Place(own.Address, box);
        return own;
    }
}
