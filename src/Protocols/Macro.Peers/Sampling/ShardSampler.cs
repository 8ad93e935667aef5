using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Peers;

/// <summary>A question to be carried to a relay.</summary>
/// <param name="Number">Goes with the answer.</param>
public sealed record SamplerRequest(int Number, SignedDescriptor Relay, byte[] Body);

/// <summary>
/// How a client gets to know relays that nobody chose for it: it takes random shards of the directory, each from several relays in different
/// networks, believes what most of them list, and compares sizes, densities and roots. One instance is one round; the next begins
/// with this one's pool as sources. The caller carries questions and answers.
/// </summary>
public sealed class ShardSampler
{
    /// <summary>Sources asked about the size of the network.</summary>
    const int MostRoots = 5;

    /// <summary>Shards that are looked at before the round takes what it has.</summary>
    const int MostShards = 64;

    /// <summary>Deviations from the expected density, in sigmas of a Poisson distribution, before anybody is told.</summary>
    const double Sigmas = 6;

    readonly DescriptorRules _rules;
    readonly SamplerOptions _options;
    readonly IRandom _random;
    readonly List<SignedDescriptor> _sources = [];
    readonly HashSet<NodeId> _suspects = [];
    readonly Dictionary<NodeId, RootTold> _roots = [];
    readonly List<SampledShard> _running = [], _accepted = [];
    readonly Dictionary<Shard, SampledShard> _seen = [];
    readonly QuestionQueue _questions;
    readonly Queue<SamplerEvent> _events = [];
    bool _begun, _sized;
    uint _epoch;
    int _bits, _partBits;

    public ShardSampler(DescriptorRules rules, SamplerOptions options, IRandom random)
    {
        ArgumentNullException.ThrowIfNull(rules);
        ArgumentNullException.ThrowIfNull(options);
        (_rules, _options, _random) = (rules, options with { Diverse = options.Diverse && !rules.AllowsPrivateAddresses }, random);
        _questions = new QuestionQueue(options);
    }

    /// <summary>Relays in the network, as most sources say; 0 before they have.</summary>
    public long NetworkSize { get; private set; }

    /// <summary>Epoch of the sources.</summary>
    public uint Epoch => _epoch;

    /// <summary>What was told of roots and sizes, by relay.</summary>
    public IReadOnlyDictionary<NodeId, RootTold> Roots => _roots;

    /// <summary>Nothing more comes in this round.</summary>
    public bool IsDone => _begun && _questions.IsEmpty;

    /// <summary>Every shard was confirmed by three sources or more in different networks.</summary>
    public bool IsConfirmed => _accepted.Count > 0 && _accepted.TrueForAll(s => Networks(s.Complete.Select(l => l.Source)) >= 3);

    /// <summary>All relays that have been found, in an order that nobody chose, as far as they keep to <see cref="NetworkDiversity"/>.</summary>
    public IReadOnlyList<SignedDescriptor> Pool
    {
        get
        {
            var diversity = new NetworkDiversity();
            return [.. Found().Where(s => !_options.Diverse || diversity.TryAdd(s.Descriptor))];
        }
    }

    /// <summary>Adds a relay that can be asked. Its descriptor was verified; who proposed it does not matter.</summary>
    public void AddSource(SignedDescriptor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        if (source.Descriptor.Endpoints.Count > 0 && !_sources.Exists(s => s.Id == source.Id))
            _sources.Add(source);
    }

    public bool TryTakeEvent(out SamplerEvent happened) => _events.TryDequeue(out happened!);

    /// <summary>The next question; false when none is to be asked now.</summary>
    public bool TryTakeRequest(out SamplerRequest request)
    {
        if (!_begun && _sources.Count > 0)
        {
            _begun = true;
            AskRoots();
        }
        return _questions.TryTake(out request);
    }

    /// <summary>What came back; empty bytes when nothing did.</summary>
    public void HandleAnswer(int number, ReadOnlySpan<byte> answer, Instant now)
    {
        if (!_questions.TryFinish(number, out var then))
            return;
        then(answer.IsEmpty ? null : DirectoryCodec.Decode(answer), now);
        if (!_sized && _questions.IsEmpty)
            Size();
    }

    /// <summary>
    /// One relay, each of the network's with the same probability. With a filter one of those that pass it; since the pool is what it is, those
    /// of pools with few such are a little more likely, and <see cref="SamplerOptions.Filter"/> is the way to a pool without that. Null when
    /// none was found.
    /// </summary>
    public SignedDescriptor? Draw(Func<SignedDescriptor, bool>? filter = null) =>
        DrawEntry(e => e.Signed is not null && filter?.Invoke(e.Signed) != false)?.Signed;

    internal SampledShard.Entry? DrawEntry(Func<SampledShard.Entry, bool> filter)
    {
        const int Tries = 4096;
        for (var i = 0; i < Tries && _accepted.Count > 0; i++)
        {
            var entries = _accepted[_random.NextInt(_accepted.Count)].Entries;
            if (entries.Count > 0 && entries[_random.NextInt(entries.Count)] is var entry && filter(entry))
                return entry;
        }
        return null;
    }

    /// <summary>Shards take turns, so that the first relays are of all of them.</summary>
    IEnumerable<SignedDescriptor> Found()
    {
        for (var i = 0; i < _accepted.Select(s => s.Entries.Count).DefaultIfEmpty().Max(); i++)
            foreach (var shard in _accepted.Distinct())
                if (i < shard.Entries.Count && shard.Entries[i].Signed is { } signed)
                    yield return signed;
    }

    void AskRoots()
    {
        foreach (var source in Pick(MostRoots, _ => true))
            _questions.Ask(source, new AskRoot(), (answer, _) =>
            {
                if (answer is RootTold told)
                    _roots[source.Id] = told;
                else
                    _suspects.Add(source.Id);
            });
    }

    void Size()
    {
        if (_roots.Count == 0)
        {
            // All of those were silent; others may not be.
            AskRoots();
            if (_questions.IsEmpty)
                _events.Enqueue(new NoSource());
            return;
        }
        _sized = true;
        _epoch = _roots.Values.GroupBy(r => r.Epoch).OrderByDescending(g => g.Count()).First().Key;
        var sizes = _roots.Values.Where(r => r.Epoch == _epoch).Select(r => (long)r.Estimate).Order().ToArray();
        NetworkSize = sizes[sizes.Length / 2];
        _bits = Shard.BitsFor(NetworkSize);
        _partBits = Coverage.BitsFor(NetworkSize, _options.HeldAtMost);
        CompareRoots();
        for (var i = Math.Min(_options.Shards, 1 << _bits); i > 0; i--)
            BeginShard();
    }

    void CompareRoots()
    {
        var roots = _roots.ToDictionary(r => r.Key, r => new DirectoryRoot(r.Value.RootEpoch, r.Value.Root));
        foreach (var (relay, root) in roots)
        {
            var agreements = roots.Where(r => r.Key != relay).Select(r => root.AgreementWith(r.Value)).OfType<double>().Order().ToArray();
            // With most of the others, or with none: the median tells.
            if (agreements.Length >= 2 && agreements[agreements.Length / 2] is var agreement && agreement < DirectoryRoot.LeastAgreement)
                Suspect(relay, new SourceDisagrees(relay, agreement));
        }
    }

    void BeginShard()
    {
        Shard shard;
        do
            shard = new Shard(_bits, (uint)_random.NextInt(1 << _bits));
        while (_seen.ContainsKey(shard));
        var sampled = _seen[shard] = new SampledShard(shard);
        _running.Add(sampled);
        var part = new Position(shard.First).ShardOf(_partBits);
        if (_sources.Count(s => !_suspects.Contains(s.Id) && part.Contains(PositionOf(s))) < _options.MostSources)
            FindHolders(part, () => Begin(sampled));
        else
            Begin(sampled);
    }

    void Begin(SampledShard sampled)
    {
        var asked = AskMore(sampled, _options.Sources);
        if (asked < _options.Sources)
            _events.Enqueue(new FewSources(asked));
        if (asked == 0)
            Settle(sampled);
    }

    /// <summary>Asks three sources whom they know in a part of the network, and takes some of those as sources.</summary>
    void FindHolders(Shard part, Action then)
    {
        const int FromEach = 6;
        var pending = 0;
        if (_partBits > 0)
            foreach (var source in Pick(_options.Sources, _ => true))
            {
                pending++;
                _questions.Ask(source, new AskShard(_epoch, part, 0), (answer, _) =>
                {
                    var listed = answer is ShardListed told ? told.Items.Select(i => i.Position).Where(part.Contains).ToArray() : [];
                    _random.Shuffle(listed.AsSpan());
                    if (listed.Length > 0)
                        _questions.Ask(source, new Fetch(_epoch, [.. listed.Take(FromEach)]), (holders, now) =>
                        {
                            foreach (var bytes in (holders as Fetched)?.Descriptors ?? [])
                                if (SignedDescriptor.TryDecode(bytes.Span, _rules, now, out var signed) == DescriptorVerdict.Valid)
                                    AddSource(signed!);
                            Done();
                        });
                    else
                        Done();
                });
            }
        if (pending == 0)
            then();

        void Done()
        {
            if (--pending == 0)
                then();
        }
    }

    int AskMore(SampledShard sampled, int count)
    {
        var part = new Position(sampled.Shard.First).ShardOf(_partBits);
        var sources = Pick(count, s => !sampled.Asked(s.Id) && part.Contains(PositionOf(s)), sampled.Complete.Select(l => l.Source));
        foreach (var source in sources)
            AskPage(sampled, sampled.Add(source), new AskShard(_epoch, sampled.Shard, 0));
        return sources.Count;
    }

    void AskPage(SampledShard sampled, SampledShard.Listing listing, AskShard page) => _questions.Ask(listing.Source, page, (answer, _) =>
    {
        if (sampled.Take(listing, page, answer) is { } from)
            AskPage(sampled, listing, page with { From = from });
        else if (listing.Failed && AskMore(sampled, 1) > 0)
            _suspects.Add(listing.Source.Id);
        else if (sampled.IsSettled)
            Judge(sampled);
    });

    void Judge(SampledShard sampled)
    {
        var agreed = sampled.Agreed();
        int sources = sampled.Complete.Count(), listed = sampled.Listed;
        if (agreed.Count < _options.LeastAgreed * listed)
        {
            _events.Enqueue(new ShardContested(sampled.Shard, sources, agreed.Count, listed));
            if (sources < _options.MostSources && AskMore(sampled, 2) > 0)
                return;
        }
        foreach (var listing in sampled.Complete)
            if (SampledShard.Agreement(listing, agreed) is var agreement && agreement < _options.LeastAgreed / 2)
                Suspect(listing.Source.Id, new SourceDisagrees(listing.Source.Id, agreement));
        var expected = (double)NetworkSize / (1 << _bits);
        if (Math.Abs(agreed.Count - expected) > Sigmas * Math.Sqrt(expected) + 2)
            _events.Enqueue(new DensityOff(sampled.Shard, (int)Math.Round(expected), agreed.Count));
        sampled.Entries.AddRange(agreed);
        _random.Shuffle(CollectionsMarshal.AsSpan(sampled.Entries));
        if (_options.Filter is not null)
            FetchAll(sampled, sampled.Entries);
        else
            Settle(sampled);
    }

    /// <summary>What there is to know about a shard is known: takes it into the pool, or looks at another in its place.</summary>
    void Settle(SampledShard sampled)
    {
        _running.Remove(sampled);
        if (!TryAccept(sampled) && _seen.Count < Math.Min(MostShards, 1 << _bits))
            BeginShard();
        if (_running.Count > 0)
            return;
        // All there are have been looked at: they are drawn again, and one may stand in the pool twice.
        const int Tries = 1024;
        var all = _seen.Values.ToArray();
        for (var i = 0; i < Tries && _accepted.Count < Math.Min(_options.Shards, 1 << _bits); i++)
            TryAccept(all[_random.NextInt(all.Length)]);
    }

    bool TryAccept(SampledShard sampled)
    {
        var largest = _options.Filter is null ? _options.LargestShard : _options.LargestMatch;
        if (_bits > 0 && _random.NextDouble() * largest >= sampled.Entries.Count)
            return false;
        if (_options.Filter is null && !_accepted.Contains(sampled))
            FetchAll(sampled, sampled.Entries);
        _accepted.Add(sampled);
        return true;
    }

    /// <summary>In their order, a few at once, each group from one source.</summary>
    void FetchAll(SampledShard sampled, IEnumerable<SampledShard.Entry> entries)
    {
        const int AtOnce = 3;
        var groups = new Dictionary<NodeId, List<SampledShard.Entry>>();
        foreach (var entry in entries)
        {
            if (entry.Sources.Find(s => !_suspects.Contains(s.Id)) is not { } source)
                continue;
            // Next time another one.
            entry.Sources.Remove(source);
            entry.Sources.Add(source);
            if (!groups.TryGetValue(source.Id, out var group))
                groups[source.Id] = group = [];
            group.Add(entry);
            if (group.Count < AtOnce)
                continue;
            Fetch(sampled, source, group);
            groups.Remove(source.Id);
        }
        foreach (var (id, group) in groups)
            Fetch(sampled, _sources.Find(s => s.Id == id)!, group);
        if (sampled.Fetches == 0 && _options.Filter is { } filter && _running.Contains(sampled))
        {
            sampled.Entries.RemoveAll(e => e.Signed is null || !filter(e.Signed));
            Settle(sampled);
        }
    }

    void Fetch(SampledShard sampled, SignedDescriptor source, List<SampledShard.Entry> group)
    {
        sampled.Fetches++;
        var question = new Fetch(_epoch, [.. group.Select(e => e.Item.Position)]);
        _questions.Ask(source, question, (answer, now) =>
        {
            sampled.Fetches--;
            if (answer is not Fetched told || told.Considered > group.Count)
            {
                _suspects.Add(source.Id);
                FetchAll(sampled, group);
                return;
            }
            foreach (var bytes in told.Descriptors)
                TakeDescriptor(source, bytes.Span, group, now);
            var missing = group.Where(e => e.Signed is null).ToList();
            foreach (var entry in missing.Take(Math.Max(0, told.Considered - (group.Count - missing.Count))))
                // It has it no more. Others may; but nobody is asked twice.
                entry.Sources.RemoveAll(s => s.Id == source.Id);
            FetchAll(sampled, missing);
        });
    }

    void TakeDescriptor(SignedDescriptor source, ReadOnlySpan<byte> bytes, List<SampledShard.Entry> group, Instant now)
    {
        var verdict = SignedDescriptor.TryDecode(bytes, _rules, now, out var signed);
        var entry = signed is null ? null : group.Find(e => e.Item.Position == Position.Of(signed.Id, _rules.Network, _epoch));
        if (verdict is DescriptorVerdict.Expired or DescriptorVerdict.NotYetValid)
            Suspect(source.Id, new SourceStale(source.Id, verdict));
        else if (entry is null)
            Suspect(source.Id, new SourceLies(source.Id, verdict));
        // An older one than somebody listed is kept for want of a better, unless it is very old: replayed.
        else if (signed!.Sequence + _rules.MaxValidity.TotalSeconds < entry.Item.Sequence)
            Suspect(source.Id, new SourceStale(source.Id, DescriptorVerdict.Expired));
        else
        {
            entry.Signed = signed;
            AddSource(signed);
        }
    }

    void Suspect(NodeId relay, SamplerEvent why)
    {
        if (_suspects.Add(relay))
            _events.Enqueue(why);
    }

    /// <summary>Random sources, in different networks as far as there are.</summary>
    List<SignedDescriptor> Pick(int count, Func<SignedDescriptor, bool> among, IEnumerable<SignedDescriptor>? beside = null)
    {
        var candidates = _sources.Where(s => !_suspects.Contains(s.Id) && among(s)).ToArray();
        _random.Shuffle(candidates.AsSpan());
        var networks = (beside ?? []).SelectMany(NetworksOf).ToHashSet();
        var picked = new List<SignedDescriptor>();
        foreach (var candidate in candidates)
            if (picked.Count < count && (!_options.Diverse || !NetworksOf(candidate).Any(networks.Contains)))
            {
                picked.Add(candidate);
                networks.UnionWith(NetworksOf(candidate));
            }
        return picked;
    }

    Position PositionOf(SignedDescriptor source) => Position.Of(source.Id, _rules.Network, _epoch);

    int Networks(IEnumerable<SignedDescriptor> sources) =>
        _options.Diverse ? sources.Select(s => NetworkDiversity.WideOf(s.Descriptor.Endpoints[0].Address)).Distinct().Count() : sources.Count();

    static IEnumerable<Prefix> NetworksOf(SignedDescriptor signed) => signed.Descriptor.Endpoints.Select(e => NetworkDiversity.WideOf(e.Address));
}
