using Macro.Peers;

namespace Macro.Sim;

/// <summary>A network in which nobody holds everything: does a client that knows a few relays get every shard, confirmed by three?</summary>
sealed class PartsScenario : Scenario
{
    public override string Name => "parts";

    public override string What => "L1: a network too large for one relay, held in parts (scaled down)";

    public override void Run(Settings settings, Report report)
    {
        // As a network of 1.6 million of which each holds 200 000: three bits, parts of an eighth.
        var size = settings.Nodes ?? 2000;
        var heldAtMost = size / 8;
        var clients = settings.Long ? 200 : 30;
        var world = new RelayWorld(settings.Seed);
        var relays = world.NewRelays(size);
        var bits = Coverage.BitsFor(size, heldAtMost);
        var held = new Sample();
        foreach (var relay in relays)
        {
            // Whom it met first in other parts is chance.
            var directory = new RelayDirectory(NetworkKey.Public);
            directory.Advance(world.Now);
            var part = Position.Of(relay.Id, NetworkKey.Public, world.Epoch).ShardOf(bits);
            directory.Cover(part);
            foreach (var other in Known(part))
                directory.Offer(other, world.Now);
            held.Add(directory.Count);
            var service = new DirectoryService(directory, RelayWorld.Rules) { Estimate = (uint)size };
            world.Serve(relay, request => service.Answer(request, world.Now, out var answer) == ServiceVerdict.Answered ? answer : []);
        }
        var counts = new int[size];
        var numbers = relays.Select((r, i) => (r.Id, i)).ToDictionary();
        var (found, expected, confirmed, noticed) = (0, 0, 0, 0);
        for (var client = 0; client < clients; client++)
        {
            var sampler = world.Sample(world.Some(relays, 10), options: new SamplerOptions { HeldAtMost = heldAtMost });
            found += sampler.Pool.Count;
            expected += 4 * size / (1 << Shard.BitsFor(size));
            confirmed += sampler.IsConfirmed ? 1 : 0;
            for (var i = 0; i < 50; i++)
                if (sampler.Draw() is { } relay)
                    counts[numbers[relay.Id]]++;
            while (sampler.TryTakeEvent(out var happened))
                noticed += happened is FewSources ? 0 : 1;
        }
        report.Fact("relays", size);
        report.Fact("parts", 1 << bits);
        report.Fact("held by a relay, mean", held.Mean);
        report.Fact("clients", clients);
        report.Fact("relays found by a client", (double)found / clients);
        report.Fact("relays that somebody drew", counts.Count(c => c > 0));
        report.Fact("alarms", noticed);
        report.Require("every client's pool is confirmed by three networks", confirmed == clients, $"{confirmed} of {clients}");
        report.Require("a client finds what is in its shards, 90 %", found >= 0.9 * expected, $"{found} of about {expected}");
        report.Require("a relay holds its part and contacts, not everything", held.Mean < 2.0 * size / (1 << bits) + (1 << bits) * Coverage.Contacts, $"{held.Mean:F0} of {size}");
        report.Require("nobody is accused", noticed == 0, $"{noticed}");

        // The whole part, and of the rest some, in a random order.
        IEnumerable<SignedDescriptor> Known(Shard part) =>
            relays.Where(r => part.Contains(Position.Of(r.Id, NetworkKey.Public, world.Epoch))).Concat(world.Some(relays, Math.Min(size, 80 << bits)));
    }
}
