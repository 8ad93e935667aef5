using Macro.Circuits;
using Macro.Core;

namespace Macro.Sim;

/// <summary>Finds the shortest path that the constraints allow, with true times, among the nearest sixty relays at each step.</summary>
sealed class Neighbours
{
    const int Width = 60;

    readonly RoutingWorld _world;
    readonly int[][] _near, _nearExits;

    public Neighbours(RoutingWorld world)
    {
        _world = world;
        var all = Enumerable.Range(0, world.Relays.Length).ToArray();
        _near = [.. all.Select(i => all.Where(j => j != i).OrderBy(j => world.Between(i, j)).Take(Width).ToArray())];
        _nearExits = [.. all.Select(i => all.Where(j => j != i && world.Relays[j].IsExit).OrderBy(j => world.Between(i, j)).Take(Width).ToArray())];
    }

    public double Best(SimClient client, PathProfile profile)
    {
        var best = double.PositiveInfinity;
        int[] entries = [.. Enumerable.Range(0, _world.Relays.Length).Where(i => profile.Hops > 1 || _world.Relays[i].IsExit).OrderBy(i => client.Times[i]).Take(Width)];
        if (profile.Hops == 1)
            return client.Times[entries[0]];
        foreach (var entry in entries)
        {
            if (profile.Hops == 2)
            {
                foreach (var exit in _nearExits[entry])
                    if (client.Times[entry] + _world.Between(entry, exit) is var time && time < best && MayMeet(entry, exit, profile))
                        best = time;
                continue;
            }
            foreach (var middle in _near[entry])
            {
                var before = client.Times[entry] + _world.Between(entry, middle);
                if (before >= best || !MayMeet(entry, middle, profile))
                    continue;
                foreach (var exit in _nearExits[middle])
                    if (before + _world.Between(middle, exit) is var time && time < best && MayMeet(middle, exit, profile) && MayMeet(entry, exit, profile))
                        best = time;
            }
        }
        return best;
    }

    bool MayMeet(int i, int j, PathProfile profile)
    {
        var (a, b) = (_world.Relays[i], _world.Relays[j]);
        return i != j && (a.Family == 0 || a.Family != b.Family) && a.Asn != b.Asn && Network(a) != Network(b)
            && (!profile.DifferentCountries || a.Region != b.Region);
    }

    static uint Network(Candidate relay) => relay.Endpoints[0].Address.V4Bits >> 16;
}
