using Macro.Peers;

namespace Macro.Sim;

/// <summary>
/// Every fifth relay belongs to one adversary, in networks as different as those of everybody else: what does a client see
/// that samples, and does it notice?
/// </summary>
sealed class DirectoryAttackScenario : Scenario
{
    const int DrawsOfClient = 50;

    public override string Name => "directory-attack";

    public override string What => "L1: 20 % Sybils that hide, lie, replay, show two faces; poisoned seeds";

    public override void Run(Settings settings, Report report)
    {
        var size = settings.Nodes ?? 1000;
        var clients = settings.Long ? 200 : Math.Min(40, size / 30);
        report.Fact("relays", size);
        report.Fact("of the adversary", size / 5);
        report.Fact("clients", clients);
        Attack("none: they behave", (w, own, _) => w.Serve(own, w.Directory([.. w.Honest, .. own])));
        Attack("they list each other only", (w, own, _) => w.Serve(own, w.Directory(own)));
        Attack("they hide half of the honest", (w, own, _) => w.Serve(own, w.Directory([.. w.Honest.Take(w.Honest.Length / 2), .. own])));
        Attack("two faces: the truth to every second client", (w, own, client) => w.Serve(own, w.Directory(client % 2 == 0 ? [.. w.Honest, .. own] : own)));
        Attack("they replay descriptors that have expired", (w, own, _) => w.Replay(own));
        Attack("they crowd one sixteenth of all positions", (w, own, _) => w.Serve([.. w.Honest, .. own], w.Directory([.. w.Honest, .. own])), crowded: true);
        Attack("and two thirds of the seeds are theirs", (w, own, _) => w.Serve(own, w.Directory(own)), poisoned: true);

        void Attack(string what, Action<Attacked, SignedDescriptor[], int> behave, bool crowded = false, bool poisoned = false)
        {
            var world = new Attacked(settings.Seed, size, crowded);
            var (honest, drawn, noticed, lied, suspects) = (0, 0, 0, 0, 0);
            for (var client = 0; client < clients; client++)
            {
                behave(world, world.Sybils, client);
                SignedDescriptor[] sources = poisoned
                    ? [.. world.Some(world.Sybils, 8), .. world.Some(world.Honest, 4)]
                    : world.Some([.. world.Honest, .. world.Sybils], 20);
                var sampler = world.Sample(sources);
                for (var i = 0; i < DrawsOfClient; i++)
                    if (sampler.Draw() is { } relay)
                    {
                        drawn++;
                        honest += world.IsHonest(relay.Id) ? 1 : 0;
                        lied += relay.Descriptor.Expires <= world.Now ? 1 : 0;
                    }
                var events = new List<SamplerEvent>();
                while (sampler.TryTakeEvent(out var happened))
                    events.Add(happened);
                noticed += events.Exists(e => e is not FewSources) ? 1 : 0;
                suspects += events.Count(e => e is SourceDisagrees d && world.IsHonest(d.Relay) || e is SourceLies l && world.IsHonest(l.Relay));
            }
            var share = (double)honest / Math.Max(1, drawn) / 0.8;
            report.Row(("attack", what), ("drawn", drawn), ("honest, of their share", share), ("clients that noticed", (double)noticed / clients), ("honest sources accused", suspects), ("expired", lied));
            if (what.StartsWith("none", StringComparison.Ordinal))
                report.Require($"{what}: nobody is accused", suspects == 0 && noticed <= clients / 20, $"{noticed} of {clients} saw something");
            report.Require($"{what}: the view is honest, 95 %, or it is noticed, 95 %", share >= 0.95 || noticed >= 0.95 * clients, $"{share:P1}, noticed by {noticed} of {clients}");
            report.Require($"{what}: nothing that has expired is taken", lied == 0, $"{lied} of {drawn}");
        }
    }

    /// <summary>A network of which every fifth relay is the adversary's.</summary>
    sealed class Attacked
    {
        readonly RelayWorld _world;
        readonly HashSet<NodeId> _honest;

        public Attacked(ulong seed, int size, bool crowded)
        {
            _world = new RelayWorld(seed);
            Honest = _world.NewRelays(size * 4 / 5);
            // Names are tried until they fall where they shall: sixteen tries each.
            Sybils = crowded
                ? [.. Enumerable.Repeat(0, size * 4).Select(_ => _world.NewRelay()).Where(r => Position.Of(r.Id, NetworkKey.Public, _world.Epoch).Value >> 60 == 7).Take(size / 5)]
                : _world.NewRelays(size / 5);
            _honest = [.. Honest.Select(r => r.Id)];
            _world.Serve(Honest, _world.Directory([.. Honest, .. Sybils]));
        }

        public SignedDescriptor[] Honest { get; }

        public SignedDescriptor[] Sybils { get; }

        public Core.Instant Now => _world.Now;

        public bool IsHonest(NodeId id) => _honest.Contains(id);

        public RelayDirectory Directory(IEnumerable<SignedDescriptor> relays) => _world.Directory(relays);

        public void Serve(IEnumerable<SignedDescriptor> relays, RelayDirectory directory) => _world.Serve(relays, directory);

        public SignedDescriptor[] Some(IReadOnlyList<SignedDescriptor> relays, int count) => _world.Some(relays, count);

        public ShardSampler Sample(IEnumerable<SignedDescriptor> sources) => _world.Sample(sources);

        /// <summary>They list what all list, and give out descriptors of hours ago.</summary>
        public void Replay(IEnumerable<SignedDescriptor> relays)
        {
            var directory = Directory([.. Honest, .. Sybils]);
            var service = new DirectoryService(directory, RelayWorld.Rules) { Root = DirectoryRoot.Of(directory) };
            using var somebody = RelayWorld.Identity(99);
            var old = _world.Sign(somebody, _world.Now - TimeSpan.FromHours(4)).Encode().ToArray();
            foreach (var relay in relays)
                _world.Serve(relay, request =>
                    request[0] == 5 ? DirectoryCodec.Encode(new Fetched(3, [old, old])) : service.Answer(request, _world.Now, out var answer) == ServiceVerdict.Answered ? answer : []);
        }
    }
}
