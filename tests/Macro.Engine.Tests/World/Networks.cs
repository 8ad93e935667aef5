namespace Macro.Engine.Tests;

/// <summary>Networks that many tests use.</summary>
static class Networks
{
    /// <summary>A client, four plain relays, two exits; the internet answers every UDP packet with its own payload.</summary>
    public static (World World, SimNode Client, SimNode[] Relays) Six(ulong seed, TimeSpan? age = null)
    {
        var world = new World(seed) { Age = age ?? TimeSpan.FromMinutes(1) };
        var client = world.Add("client", "44.128.0.1:5000");
        var relays = new List<SimNode>();
        for (var i = 1; i <= 6; i++)
            relays.Add(world.Add($"relay{i}", $"44.{128 + i}.0.1:51820", relay: true, exit: i > 4));
        foreach (var exit in relays)
            exit.Answer = Packets.Echo;
        client.Node.Controller.Candidates = [.. relays.Select(r => r.Candidate)];
        return (world, client, [.. relays]);
    }

    /// <summary>Six plain relays and two exits: enough that a circuit of three hops has a second path that shares only the exit.</summary>
    public static SimNode[] Eight(World world) =>
        [.. Enumerable.Range(1, 8).Select(i => world.Add($"relay{i}", $"44.{140 + i}.0.1:51820", relay: true, exit: i > 6))];
}
