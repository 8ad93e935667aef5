using Macro.Core;
using Macro.Simulation;

namespace Macro.Nat.Tests;

/// <summary>
/// A thousand nodes with a mix of NATs. 64 in a hundred stand behind a NAT or firewall that allows hole punching, as Halkes and
/// Pouwelse measured ("UDP NAT and Firewall Puncturing in the Wild", NETWORKING 2011); how the rest is made up is our guess.
/// </summary>
public class PopulationTests(ITestOutputHelper output)
{
    const int Nodes = 1000, Pairs = 2000;

    static readonly (NatBoxKind? Kind, int Percent)[] s_mix =
    [
        (null, 20), (NatBoxKind.Firewall, 6), (NatBoxKind.FullCone, 8), (NatBoxKind.AddressRestricted, 8), (NatBoxKind.PortRestricted, 42),
        (NatBoxKind.Sequential, 4), (NatBoxKind.Random, 8), (NatBoxKind.Blocked, 4),
    ];

    [Fact]
    public void Most_pairs_meet_directly_and_all_others_by_a_relay()
    {
        var random = new SeededRandom(2011);
        var kinds = new NatBoxKind?[Nodes];
        var at = 0;
        foreach (var (kind, percent) in s_mix)
            for (var i = 0; i < percent * Nodes / 100; i++)
                kinds[at++] = kind;
        Assert.Equal(Nodes, at);
        random.Shuffle<NatBoxKind?>(kinds);

        var (open, reverse, punched, relayed) = (0, 0, 0, 0);
        for (var i = 0; i < Pairs; i++)
        {
            var (a, b) = (kinds[random.NextInt(Nodes)], kinds[random.NextInt(Nodes)]);
            var world = new PunchWorld((ulong)(1 + i), (draw, topology) => (Place(topology, a, 1, draw), Place(topology, b, 2, draw)));
            world.Begin();
            world.Run(TimeSpan.FromSeconds(20), () => world.IsDirect || world.IsOver);
            if (!world.IsDirect)
                relayed++;
            else if (a is null && b is null)
                open++;
            else if (a is null || b is null)
                reverse++;
            else
                punched++;
        }
        output.WriteLine($"of {Pairs} pairs: {100.0 * open / Pairs:F1} % open, {100.0 * reverse / Pairs:F1} % by reverse connection, "
            + $"{100.0 * punched / Pairs:F1} % punched, {100.0 * relayed / Pairs:F1} % relayed");
        // 4 % have no UDP, which spoils one pair in thirteen; random against random or sequential spoils one in eighty.
        Assert.InRange(relayed, 0.06 * Pairs, 0.12 * Pairs);
        Assert.InRange(reverse, 0.25 * Pairs, 0.36 * Pairs);
        Assert.InRange(punched, 0.45 * Pairs, 0.62 * Pairs);
    }

    static Endpoint Place(NatTopology topology, NatBoxKind? kind, int side, IRandom random)
    {
        var own = Endpoint.Parse(kind is null || kind.Ports == OutsidePort.None ? $"44.{130 + side}.7.7:51820" : $"192.168.{side}.11:51820");
        topology.Place(own.Address, kind is null ? null : new NatBox(kind, IpAddress.Parse($"44.{130 + side}.0.1"), null, random));
        return own;
    }
}
