using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

public class IntroducerLoadTests(ITestOutputHelper output)
{
    [Fact]
    public void Eight_hundred_hidden_nodes_spread_over_two_hundred_introducers()
    {
        const int hidden = 800, open = 200;
        var random = new SeededRandom(8);
        Candidate[] relays = [.. Enumerable.Range(0, open).Select(i => Relay(i, random))];
        var load = new Dictionary<Endpoint, int>();
        var outbox = new Outbox();
        using var identity = NodeIdentity.Generate(random);
        for (var i = 0; i < hidden; i++)
        {
            var registrar = new Registrar(new IndexTable(), outbox, random) { Candidates = relays };
            registrar.Want(Descriptor.MaxEndpoints, identity, Instant.FromUnixSeconds(1_800_000_000));
            // One initiation to each relay that was chosen.
            for (var at = 0; at < outbox.Batch.Count; at++)
                load[outbox.Batch[at].Remote] = load.GetValueOrDefault(outbox.Batch[at].Remote) + 1;
            outbox.Batch.Clear();
        }
        int[] sorted = [.. relays.Select(r => load.GetValueOrDefault(r.Target.Endpoint)).Order()];
        var (median, p99) = (sorted[open / 2], sorted[open * 99 / 100]);
        output.WriteLine($"registrations of an introducer: median {median}, p99 {p99}, most {sorted[^1]}");
        Assert.Equal(hidden * Descriptor.MaxEndpoints, sorted.Sum());
        Assert.InRange(p99, median, 5 * median);
    }

    static Candidate Relay(int number, SeededRandom random)
    {
        var endpoint = Endpoint.Parse($"44.{number}.0.1:51820");
        var key = PrivateKey.Generate(random).PublicKey;
        return new Candidate
        {
            Id = new NodeId(key),
            Endpoints = [endpoint],
            Target = new HopTarget { Name = $"relay{number}", RelayKey = key, Endpoint = endpoint, Descriptor = default },
        };
    }
}
