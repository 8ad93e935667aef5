using Macro.Circuits;
using Macro.Core;
using Macro.Dht;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// What a relay does for the directory: publishes its own descriptor, announces itself in the DHT, keeps its directory in
/// step with others, and meets every relay before it passes its descriptor on. What it measures of them tells it its place.
/// </summary>
sealed class RelayPart(KnownRelays relays, Questions questions, DhtNode dht, DiscoveryOptions options, Vivaldi position, IRandom random)
{
    /// <summary>Relays that are told of a new descriptor of ours; the others learn it when they reconcile.</summary>
    const int MostTold = 3;

    static readonly TimeSpan s_shortestRound = TimeSpan.FromSeconds(1), s_longestRound = TimeSpan.FromMinutes(1);
    static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(250), s_rootRetry = TimeSpan.FromMinutes(5);

    /// <summary>A place that moved so far is told anew, but not more often: every descriptor goes to the whole network.</summary>
    static readonly TimeSpan s_farAway = TimeSpan.FromMilliseconds(10), s_betweenPlaces = TimeSpan.FromMinutes(15);

    readonly Publisher _publisher = new(options.Identity, options.Rules, random);
    readonly Announcements _announcements = new(dht, options, random);
    readonly Challenges _challenges = new(new ChallengeOptions { HasV6 = options.HasV6, PerSecond = 50, MostOpen = DirectoryLinks.Most / 2 });
    readonly HashSet<NodeId> _told = [];
    readonly SyncLoad _load = new(random);
    Instant _roundAt = Instant.Never, _pollAt = Instant.Never, _rootAt = Instant.Never, _placeAt;
    TimeSpan _pause = s_shortestRound;
    Descriptor? _content;
    NetworkCoordinates _place;
    Reconciler? _round;
    SignedDescriptor? _partner;

    public bool IsOn { get; private set; }

    public DirectoryService Service { get; } = new(relays.Directory, options.Rules);

    public Instant NextTimeout => !IsOn ? Instant.Never : Instant.Min(
        Instant.Min(Instant.Min(_publisher.NextTimeout, _announcements.NextTimeout), _rootAt),
        Instant.Min(_round is null ? _roundAt : _load.NextTimeout, _pollAt));

    /// <summary>What this relay says about itself but for times and work; null: no relay any more.</summary>
    public void SetContent(Descriptor? content, Instant now)
    {
        if (content == _content)
            return;
        _content = content;
        var begins = content is not null && !IsOn;
        IsOn = content is not null;
        _place = position.Coordinates;
        _publisher.SetContent(content is null ? null : content with { Coordinates = _place }, now);
        if (begins)
            (_roundAt, _rootAt, _pause) = (now, NextRoot(now), s_shortestRound);
        if (IsOn)
            return;
        _announcements.Clear();
        (_round, _partner, Service.Self) = (null, null, null);
        _told.Clear();
    }

    public void HandleEvent(DhtEvent happened, Instant now) => _announcements.Handle(happened, now);

    /// <summary>A descriptor that was found somewhere: it counts when its relay was met.</summary>
    public void Found(SignedDescriptor signed, Instant now)
    {
        if (signed.Id != options.Self)
            _challenges.Add(signed, now);
    }

    public void HandleTimeout(Instant now)
    {
        if (!IsOn)
            return;
        if (now >= _publisher.NextTimeout)
            _publisher.HandleTimeout(now);
        _announcements.HandleTimeout(now);
        if (now >= _rootAt)
            TakeRoot(now);
        if (now >= _roundAt && _round is null)
            BeginRound(now);
    }

    public void Step(Instant now)
    {
        if (!IsOn)
            return;
        while (_publisher.TryTakeEvent(out var due))
            Do(due, now);
        while (Service.TryTakePublished(out var published))
            Found(published, now);
        Meet(now);
        Reconcile(now);
    }

    void Do(PublisherEvent due, Instant now)
    {
        switch (due)
        {
            case DescriptorSigned signed:
                Service.Self = signed.Signed;
                relays.Offer(signed.Signed, Verification.Self, now);
                _announcements.Put(signed.Signed, signed.Previous, now);
                _told.Clear();
                (_roundAt, _pause) = (Instant.Min(_roundAt, now), s_shortestRound);
                break;
            case AnnounceDue announce:
                _announcements.Announce(announce, now);
                break;
        }
    }

    /// <summary>A session under the relay key at each endpoint, in which the node says who it is.</summary>
    void Meet(Instant now)
    {
        while (_challenges.TryTake(now, out var challenge))
        {
            var target = new HopTarget
            {
                Name = challenge.Node.ToString(),
                RelayKey = challenge.RelayKey,
                Endpoint = challenge.Endpoint,
                Descriptor = default,
                PresharedKey = options.PresharedKey,
            };
            questions.Ask(target, null, DirectoryCodec.Encode(new AskSelf()), now, (answer, at) =>
                _challenges.Handle(challenge, Outcome(challenge, answer, at), at));
        }
        while (_challenges.TryTakePassed(out var passed))
        {
            if (!Contradicts(passed))
            {
                relays.Offer(passed, Verification.Handshake, now);
                _load.Add(passed);
            }
            _roundAt = Instant.Min(_roundAt, now + s_shortestRound);
            _pause = s_shortestRound;
        }
        _pollAt = _challenges.Pending > _challenges.Open ? now + s_poll : Instant.Never;
    }

    ChallengeOutcome Outcome(Challenge challenge, LinkAnswer answer, Instant now)
    {
        if (DirectoryCodec.Decode(answer.Body.Span) is not SelfTold told)
            return ChallengeOutcome.Silent;
        if (SignedDescriptor.TryDecode(told.Descriptor.Span, options.Rules, now, out var signed) != DescriptorVerdict.Valid || signed!.Id != challenge.Node)
            return ChallengeOutcome.AnotherNode;
        position.Observe(signed, answer);
        return ChallengeOutcome.Proven;
    }

    /// <summary>A claim of a country that the table denies.</summary>
    bool Contradicts(SignedDescriptor signed) =>
        options.Countries is { } table && RegionEvidence.Check(signed.Descriptor, table, []).Verdict == RegionVerdict.Contradicted;

    /// <summary>With one relay at random; first with those that have not got our newest descriptor from us.</summary>
    void BeginRound(Instant now)
    {
        _roundAt = Instant.Never;
        var others = relays.Directory.Current(now).Where(d => d.Id != options.Self && !HopTargets.Pick(d.Descriptor.Endpoints, options.HasV6).IsNone).ToArray();
        if (others.Length == 0 || Service.Self is not { } self)
        {
            EndRound(changed: false, now);
            return;
        }
        var untold = _told.Count < MostTold ? others.Where(d => !_told.Contains(d.Id)).ToArray() : [];
        _partner = untold.Length > 0 ? untold[random.NextInt(untold.Length)] : others[random.NextInt(others.Length)];
        if (_told.Count < MostTold && _told.Add(_partner.Id))
            questions.Ask(HopTargets.Alone(_partner, options), null, DirectoryCodec.Encode(new Publish([self.Encode().ToArray()])), now, (answer, at) => Told(answer, at));
        _round = new Reconciler(relays.Directory, options.Rules, random, _challenges.Knows, now);
        _load.Begin(_partner, others, now);
        Service.Estimate = (uint)relays.Directory.Count;
        _publisher.ShardBits = Shard.BitsFor(relays.Directory.Count);
    }

    void Told(LinkAnswer answer, Instant now)
    {
        if (DirectoryCodec.Decode(answer.Body.Span) is Published { Verdicts: [PublishVerdict.TooLittleWork] })
            _publisher.SetDemand(options.Rules.WorkBits + 1, wasRefused: true, now);
    }

    void Reconcile(Instant now)
    {
        if (_round is not { } round || _partner is not { } partner)
            return;
        while (_load.Pick(round.Wanted, now) is { } relay && round.TryTakeRequest(out var number, out var request))
            Carry(round, partner, relay, number, request, now);
        if (round.IsDone)
            EndRound(round.Found + round.Offered > 0, now);
    }

    void Carry(Reconciler round, SignedDescriptor partner, SignedDescriptor relay, int number, byte[] request, Instant now)
    {
        _load.Asked(relay, now);
        questions.Ask(HopTargets.Alone(relay, options), null, request, now, (answer, at) =>
        {
            position.Observe(relay, answer);
            // A helper need not be there; the partner is what the round stands and falls with.
            if (answer.Body.IsEmpty && relay.Id != partner.Id)
            {
                _load.Drop(relay);
                Carry(round, partner, partner, number, request, at);
                return;
            }
            round.HandleAnswer(number, answer.Body.Span, at);
            while (round.TryTakeFetched(out var fetched))
                Found(fetched, at);
        });
    }

    /// <summary>Often while there is news, seldom when there is none.</summary>
    void EndRound(bool changed, Instant now)
    {
        (_round, _partner) = (null, null);
        _pause = changed ? s_shortestRound : 2 * _pause < s_longestRound ? 2 * _pause : s_longestRound;
        _roundAt = now + _pause + random.NextTime(_pause / 2);
        TellPlace(now);
    }

    void TellPlace(Instant now)
    {
        var place = position.Coordinates;
        if (now < _placeAt || _content is null || place.IsUnknown() || _place.Distance(place) < s_farAway)
            return;
        (_place, _placeAt) = (place, now + s_betweenPlaces);
        _publisher.SetContent(_content with { Coordinates = place }, now);
    }

    void TakeRoot(Instant now)
    {
        var root = DirectoryRoot.Of(relays.Directory);
        if (!root.IsNone)
            Service.Root = root;
        _rootAt = root.IsNone ? now + s_rootRetry : NextRoot(now);
    }

    static Instant NextRoot(Instant now)
    {
        var settled = Epoch.StartOf(Epoch.At(now)) + DirectoryRoot.Settling;
        return now < settled ? settled : Epoch.StartOf(Epoch.At(now) + 1) + DirectoryRoot.Settling;
    }
}
