using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class ShardSamplerTests
{
    static readonly uint s_epoch = Epoch.At(Example.Now);

    static readonly SignedDescriptor[] s_relays =
        [.. Enumerable.Range(0, 200).Select(i => Relays.Numbered(i, like: Example.Relay with { Endpoints = [Endpoint.Parse($"44.{i}.1.1:51900")] }))];

    readonly SeededRandom _random = new(9);
    readonly DirectoryService _service = new(Relays.Directory(s_relays), Example.Rules);
    readonly List<SamplerEvent> _events = [];
    Instant _now = Example.Now;

    [Fact]
    public void A_client_that_knows_three_relays_gets_a_pool_of_all_shards_there_are()
    {
        var sampler = Run(s_relays[..5], Honest);
        Assert.Equal(200, sampler.NetworkSize);
        // Two bits: four shards, and each is taken with a probability of about 50/128.
        Assert.InRange(sampler.Pool.Count, 30, 200);
        Assert.True(sampler.IsConfirmed);
        Assert.Empty(_events);
        Assert.Contains(sampler.Draw()!.Id, s_relays.Select(r => r.Id));
    }

    [Fact]
    public void A_small_network_is_taken_whole()
    {
        var few = s_relays[..40];
        var service = new DirectoryService(Relays.Directory(few), Example.Rules);
        var sampler = Run(few[..3], (_, request) => Answer(service, request));
        Assert.Equal(few.Select(r => r.Id).Order(), sampler.Pool.Select(r => r.Id).Order());
    }

    [Fact]
    public void One_source_alone_is_believed_but_said_to_be_alone()
    {
        var sampler = Run(s_relays[..1], Honest);
        Assert.True(sampler.Pool.Count > 0);
        Assert.False(sampler.IsConfirmed);
        Assert.Contains(new FewSources(1), _events);
    }

    [Fact]
    public void Sources_are_taken_from_different_networks()
    {
        SignedDescriptor[] neighbours =
            [.. Enumerable.Range(0, 30).Select(i => Relays.Numbered(1000 + i, like: Example.Relay with { Endpoints = [Endpoint.Parse($"44.250.{i}.1:51900")] }))];
        var roots = new HashSet<NodeId>();
        Run([.. neighbours, .. s_relays[..2]], (relay, request) =>
        {
            if (DirectoryCodec.Decode(request) is AskRoot)
                roots.Add(relay);
            return Honest(relay, request);
        });
        // Thirty in one /16 have one voice.
        Assert.Equal(3, roots.Count);
        Assert.Single(roots, id => neighbours.Any(n => n.Id == id));
    }

    [Fact]
    public void A_source_that_lists_relays_of_its_own_is_outvoted_and_named()
    {
        var liar = s_relays[0].Id;
        var own = new DirectoryService(Relays.Directory(Relays.Many(200, from: 5000)), Example.Rules);
        var sampler = Run(s_relays[..3], (relay, request) => relay == liar ? Answer(own, request) : Honest(relay, request));
        Assert.All(sampler.Pool, r => Assert.Contains(r.Id, s_relays.Select(s => s.Id)));
        Assert.Contains(_events, e => e is SourceDisagrees d && d.Relay == liar);
        Assert.DoesNotContain(_events, e => e is SourceDisagrees d && d.Relay != liar);
    }

    [Fact]
    public void A_source_that_gives_forged_descriptors_is_named_and_others_give_the_true_ones()
    {
        var liar = s_relays[0].Id;
        var forged = s_relays[7].Encode().ToArray();
        forged[^1] ^= 1;
        var sampler = Run(s_relays[..3], (relay, request) =>
            relay == liar && DirectoryCodec.Decode(request) is Fetch ? DirectoryCodec.Encode(new Fetched(1, [forged])) : Honest(relay, request));
        Assert.True(sampler.Pool.Count > 20);
        Assert.Contains(_events, e => e is SourceLies { Relay: var relay } && relay == liar);
    }

    [Fact]
    public void A_source_whose_root_is_unlike_the_others_is_named_before_it_is_asked_more()
    {
        var honest = DirectoryRoot.Of(Relays.Directory(s_relays));
        var other = DirectoryRoot.Of(Relays.Directory(Relays.Many(200, from: 7000)));
        var liar = s_relays[1].Id;
        Run(s_relays[..5], (relay, request) => DirectoryCodec.Decode(request) is AskRoot
            ? DirectoryCodec.Encode(new RootTold(s_epoch, s_epoch, (relay == liar ? other : honest).Sketch, 200, 200, 0))
            : Honest(relay, request));
        Assert.Equal(liar, Assert.Single(_events.OfType<SourceDisagrees>()).Relay);
    }

    [Fact]
    public void A_network_that_claims_to_be_larger_than_its_shards_shows_it()
    {
        Run(s_relays[..5], (relay, request) => DirectoryCodec.Decode(request) is AskRoot
            ? DirectoryCodec.Encode(new RootTold(s_epoch, 0, default, 2000, 2000, 0))
            : Honest(relay, request));
        Assert.Contains(_events, e => e is DensityOff { Expected: > 60, Found: < 20 });
    }

    [Fact]
    public void With_a_filter_the_pool_holds_only_what_passes_it()
    {
        var wanted = s_relays.Select(r => r.Id).Where(id => id.GetHashCode() % 3 == 0).ToHashSet();
        var pool = Run(s_relays[..5], Honest, options: new SamplerOptions { Filter = r => wanted.Contains(r.Id), LargestMatch = 20 }).Pool;
        Assert.NotEmpty(pool);
        Assert.All(pool, r => Assert.Contains(r.Id, wanted));
    }

    [Fact]
    public void Silent_sources_are_replaced_and_a_silent_world_ends_the_round()
    {
        var alive = s_relays[..10].Select(r => r.Id).Skip(5).ToHashSet();
        var sampler = Run(s_relays[..10], (relay, request) => alive.Contains(relay) ? Honest(relay, request) : []);
        Assert.True(sampler.Pool.Count > 20);
        _events.Clear();
        Assert.Empty(Run(s_relays[..10], (_, _) => []).Pool);
        Assert.Equal([new NoSource()], _events);
    }

    [Fact]
    public void A_pool_has_one_relay_in_a_24_and_two_in_a_16()
    {
        SignedDescriptor[] crowd =
            [.. Enumerable.Range(0, 60).Select(i => Relays.Numbered(2000 + i, like: Example.Relay with { Endpoints = [Endpoint.Parse($"44.{i % 3}.{i % 4}.{i}:51900")] }))];
        var service = new DirectoryService(Relays.Directory(crowd), Example.Rules);
        var pool = Run(crowd[..3], (_, request) => Answer(service, request)).Pool;
        Assert.Equal(6, pool.Count);
        Assert.Equal(6, pool.Select(r => new Prefix(r.Descriptor.Endpoints[0].Address, 24)).Distinct().Count());
    }

    [Fact]
    public void In_a_private_network_relays_may_stand_side_by_side()
    {
        var network = NetworkKey.Generate(_random);
        var rules = DescriptorRules.For(network);
        SignedDescriptor[] home = [.. Enumerable.Range(0, 9).Select(i =>
        {
            using var identity = Relays.Identity(3000 + i);
            return SignedDescriptor.Sign(identity, network, Example.Relay with { Endpoints = [Endpoint.Parse($"127.0.0.1:{5000 + i}")] }, Example.Now);
        })];
        var directory = new RelayDirectory(network);
        foreach (var relay in home)
            directory.Offer(relay, _now);
        var service = new DirectoryService(directory, rules);
        var sampler = Run(home[..3], (_, request) => Answer(service, request), rules);
        Assert.Equal(9, sampler.Pool.Count);
        Assert.True(sampler.IsConfirmed);
        Assert.Empty(_events);
    }

    ShardSampler Run(SignedDescriptor[] sources, Func<NodeId, byte[], byte[]> answer, DescriptorRules? rules = null, SamplerOptions? options = null)
    {
        var sampler = new ShardSampler(rules ?? Example.Rules, options ?? new SamplerOptions(), _random);
        foreach (var source in sources)
            sampler.AddSource(source);
        var questions = 0;
        while (sampler.TryTakeRequest(out var request))
        {
            Assert.InRange(++questions, 1, 5000);
            sampler.HandleAnswer(request.Number, answer(request.Relay.Id, request.Body), _now);
        }
        Assert.True(sampler.IsDone);
        while (sampler.TryTakeEvent(out var happened))
            _events.Add(happened);
        return sampler;
    }

    byte[] Honest(NodeId relay, byte[] request) => Answer(_service, request);

    byte[] Answer(DirectoryService service, byte[] request)
    {
        _now += TimeSpan.FromMilliseconds(10);
        return service.Answer(request, _now, out var answer) == ServiceVerdict.Answered ? answer : [];
    }
}
