using Macro.Circuits;
using Macro.Core;
using Macro.Dht;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// What a relay does for the directory: publishes its own descriptor, announces itself in the DHT, keeps its directory in
/// step with others, and meets every relay before it passes its descriptor on.
/// </summary>
sealed class RelayPart(KnownRelays relays, Questions questions, DhtNode dht, DiscoveryOptions options, IRandom random)
{
    /// <summary>Relays that are told of a new descriptor of ours; the others learn it when they reconcile.</summary>
    const int MostTold = 3;

    static readonly TimeSpan s_shortestRound = TimeSpan.FromSeconds(1), s_longestRound = TimeSpan.FromMinutes(1);
    static readonly TimeSpan s_poll = TimeSpan.FromMilliseconds(250), s_rootRetry = TimeSpan.FromMinutes(5);

    readonly Publisher _publisher = new(options.Identity, options.Rules, random);
    readonly Announcements _announcements = new(dht, options, random);
    readonly Challenges _challenges = new(new ChallengeOptions { HasV6 = options.HasV6, PerSecond = 50, MostOpen = DirectoryLinks.Most / 2 });
    readonly HashSet<NodeId> _told = [];
    Instant _roundAt = Instant.Never, _pollAt = Instant.Never, _rootAt = Instant.Never;
    TimeSpan _pause = s_shortestRound;
    Descriptor? _content;
    Reconciler? _round;
    SignedDescriptor? _partner;

    public bool IsOn { get; private set; }

    public DirectoryService Service { get; } = new(relays.Directory, options.Rules);

    public Instant NextTimeout => !IsOn ? Instant.Never : Instant.Min(
        Instant.Min(Instant.Min(_publisher.NextTimeout, _announcements.NextTimeout), _rootAt),
        Instant.Min(_round is null ? _roundAt : Instant.Never, _pollAt));

    /// <summary>What this relay says about itself but for times and work; null: no relay any more.</summary>
    public void SetContent(Descriptor? content, Instant now)
    {
        if (content == _content)
            return;
        _content = content;
        var begins = content is not null && !IsOn;
        IsOn = content is not null;
        _publisher.SetContent(content, now);
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
                relays.Offer(passed, Verification.Handshake, now);
            _roundAt = Instant.Min(_roundAt, now + s_shortestRound);
            _pause = s_shortestRound;
        }
        _pollAt = _challenges.Pending > _challenges.Open ? now + s_poll : Instant.Never;
    }

    ChallengeOutcome Outcome(Challenge challenge, LinkAnswer answer, Instant now) =>
        DirectoryCodec.Decode(answer.Body.Span) is not SelfTold told ? ChallengeOutcome.Silent
        : SignedDescriptor.TryDecode(told.Descriptor.Span, options.Rules, now, out var signed) == DescriptorVerdict.Valid && signed!.Id == challenge.Node
            ? ChallengeOutcome.Proven
            : ChallengeOutcome.AnotherNode;

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
            questions.Ask(Target(_partner), null, DirectoryCodec.Encode(new Publish([self.Encode().ToArray()])), now, (answer, at) => Told(answer, at));
        _round = new Reconciler(relays.Directory, options.Rules, random, _challenges.Knows, now);
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
        while (round.TryTakeRequest(out var number, out var request))
            questions.Ask(Target(partner), null, request, now, (answer, at) =>
            {
                round.HandleAnswer(number, answer.Body.Span, at);
                while (round.TryTakeFetched(out var fetched))
                    Found(fetched, at);
            });
        if (round.IsDone)
            EndRound(round.Found + round.Offered > 0, now);
    }

    /// <summary>Often while there is news, seldom when there is none.</summary>
    void EndRound(bool changed, Instant now)
    {
        (_round, _partner) = (null, null);
        _pause = changed ? s_shortestRound : 2 * _pause < s_longestRound ? 2 * _pause : s_longestRound;
        _roundAt = now + _pause + random.NextTime(_pause / 2);
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

    HopTarget Target(SignedDescriptor relay) =>
        HopTargets.At(relay, HopTargets.Pick(relay.Descriptor.Endpoints, options.HasV6), options.PresharedKey);
}
