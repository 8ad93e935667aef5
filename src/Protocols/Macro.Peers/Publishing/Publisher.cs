using Macro.Core;

namespace Macro.Peers;

/// <summary>What a relay is to do about its descriptor.</summary>
public abstract record PublisherEvent;

/// <summary>
/// A new descriptor: put it into the DHT under the salt of its epoch, serve it under the announced topics, publish it to the
/// directory.
/// </summary>
/// <param name="Previous">cas of the put: the sequence number that this node put last under this salt; null for the first.</param>
public sealed record DescriptorSigned(SignedDescriptor Signed, long? Previous) : PublisherEvent;

/// <summary>Announce this node's endpoints under these topics, and serve the descriptor of that epoch there.</summary>
/// <param name="Topics">20 bytes each, at most 8.</param>
public sealed record AnnounceDue(uint Epoch, IReadOnlyList<byte[]> Topics) : PublisherEvent;

/// <summary>
/// When a relay signs its descriptor and announces itself: anew after about two of its three hours, soon after anything in it changes, and
/// for the next epoch at a moment of its own in the last half hour of each; announcements every quarter of an hour. All with jitter,
/// so that relays do not move in step. Proofs of work are found in small steps ahead of time.
/// </summary>
public sealed class Publisher(NodeIdentity identity, DescriptorRules rules, IRandom random)
{
    /// <summary>How long before an epoch begins descriptors for it are signed and announced.</summary>
    public static readonly TimeSpan Overlap = TimeSpan.FromMinutes(30);

    /// <summary>Time between announcements, give or take a minute; the DHT keeps one for about half an hour.</summary>
    public static readonly TimeSpan AnnounceEvery = TimeSpan.FromMinutes(15);

    /// <summary>Age at which a descriptor is signed anew: this, and up to a quarter of an hour more.</summary>
    static readonly TimeSpan s_renewAt = TimeSpan.FromMinutes(105), s_renewJitter = TimeSpan.FromMinutes(15);

    /// <summary>The last moment in the overlap at which the next epoch's is signed: it must have spread when the epoch begins.</summary>
    static readonly TimeSpan s_overlapEnd = TimeSpan.FromMinutes(10);

    /// <summary>Least time between two signatures: whoever's address flaps does not flood the network.</summary>
    static readonly TimeSpan s_between = TimeSpan.FromMinutes(1);

    /// <summary>How long before the overlap the work for the next epoch begins.</summary>
    static readonly TimeSpan s_workAhead = TimeSpan.FromMinutes(10);

    static readonly TimeSpan s_workPause = TimeSpan.FromMilliseconds(20);

    const int HashesAtOnce = 4096;

    readonly Dictionary<uint, long> _sequences = [];
    readonly Dictionary<uint, Work> _work = [];
    readonly Queue<PublisherEvent> _events = [];
    Descriptor? _content;
    Instant _signAt = Instant.Never, _announceAt = Instant.Never, _overlapAt = Instant.Never;
    Instant _signedAt = Instant.UnixEpoch;
    uint _epoch;
    int _bits = rules.WorkBits;

    sealed class Work
    {
        public ulong Next;
        public ulong? Nonce;
        public int Bits;
    }

    /// <summary>The newest descriptor; null before the first.</summary>
    public SignedDescriptor? Current { get; private set; }

    /// <summary>Shard bits under which to announce, from the estimated number of relays (<see cref="Shard.BitsFor"/>).</summary>
    public int ShardBits { get; set; }

    public Instant NextTimeout { get; private set; } = Instant.Never;

    /// <summary>
    /// What the node says about itself now: everything but epoch, times and work, which are filled in here. Call it after every
    /// change, at once after a rotation of relay keys. Null: no relay any more.
    /// </summary>
    public void SetContent(Descriptor? content, Instant now)
    {
        var first = _content is null;
        _content = content;
        if (content is null)
        {
            _signAt = _announceAt = _overlapAt = NextTimeout = Instant.Never;
            return;
        }
        _signAt = Instant.Max(now, _signedAt + s_between);
        if (first)
            BeginEpoch(now);
        NextTimeout = now;
    }

    /// <summary>
    /// Bits of work that relays ask for, see <see cref="WorkDemand"/>. One more is done, because they do not all see the
    /// same; a refused descriptor is signed anew.
    /// </summary>
    public void SetDemand(int bits, bool wasRefused, Instant now)
    {
        if (rules.WorkBits == 0)
            return;
        _bits = Math.Clamp(bits > rules.WorkBits ? bits + 1 : bits, rules.WorkBits, WorkDemand.Most);
        if (wasRefused && _content is not null)
        {
            _signAt = Instant.Min(_signAt, Instant.Max(now, _signedAt + s_between));
            NextTimeout = now;
        }
    }

    public void HandleTimeout(Instant now)
    {
        if (_content is null)
            return;
        if (Epoch.At(now) != _epoch)
            BeginEpoch(now);
        var target = now >= _overlapAt ? _epoch + 1 : _epoch;
        if (now >= _overlapAt && !_sequences.ContainsKey(target))
            _signAt = Instant.Min(_signAt, now);
        var working = WorkFor(target) is null | (now >= _overlapAt - s_workAhead && WorkFor(_epoch + 1) is null);
        if (now >= _signAt && WorkFor(target) is { } nonce)
            Sign(target, nonce, now);
        if (now >= _announceAt && Current is not null)
            Announce(now);
        NextTimeout = working ? now + s_workPause : Instant.Min(Instant.Min(_signAt, _announceAt), NextOfEpoch(now));
    }

    public bool TryTakeEvent(out PublisherEvent happened) => _events.TryDequeue(out happened!);

    Instant NextOfEpoch(Instant now)
    {
        var next = Epoch.StartOf(_epoch + 1);
        foreach (var moment in (ReadOnlySpan<Instant>)[_overlapAt - s_workAhead, _overlapAt])
            if (moment > now)
                next = Instant.Min(next, moment);
        return next;
    }

    void BeginEpoch(Instant now)
    {
        _epoch = Epoch.At(now);
        var end = Epoch.StartOf(_epoch + 1);
        _overlapAt = end - Overlap + random.NextTime(Overlap - s_overlapEnd);
        foreach (var gone in _sequences.Keys.Where(e => e < _epoch).ToArray())
            _sequences.Remove(gone);
        foreach (var gone in _work.Keys.Where(e => e < _epoch).ToArray())
            _work.Remove(gone);
        // Positions are new: topics are, too.
        _announceAt = Current is null ? now : now + random.NextTime(TimeSpan.FromMinutes(1));
    }

    void Sign(uint epoch, ulong nonce, Instant now)
    {
        var whole = Instant.FromUnixSeconds(now.UnixSeconds);
        Current = SignedDescriptor.Sign(
            identity, rules.Network,
            _content! with { Epoch = epoch, NotBefore = whole, Validity = rules.MaxValidity, ProofOfWork = nonce, Static = rules.Static }, whole);
        _events.Enqueue(new DescriptorSigned(Current, _sequences.TryGetValue(epoch, out var before) ? before : null));
        _sequences[epoch] = Current.Sequence;
        _signedAt = now;
        _signAt = now + s_renewAt + random.NextTime(s_renewJitter);
        // A new epoch's first is announced with it.
        if (before == 0 && epoch != _epoch)
            _announceAt = now;
    }

    void Announce(Instant now)
    {
        _events.Enqueue(new AnnounceDue(_epoch, Topic.Of(Current!.Descriptor, identity.Id, rules.Network, _epoch, ShardBits)));
        if (Current.Descriptor.Epoch > _epoch)
            _events.Enqueue(new AnnounceDue(_epoch + 1, Topic.Of(Current.Descriptor, identity.Id, rules.Network, _epoch + 1, ShardBits)));
        _announceAt = now + AnnounceEvery - TimeSpan.FromMinutes(1) + random.NextTime(TimeSpan.FromMinutes(2));
    }

    /// <summary>The nonce for an epoch, or null after another step towards it.</summary>
    ulong? WorkFor(uint epoch)
    {
        if (!_work.TryGetValue(epoch, out var work) || work.Bits < _bits)
            _work[epoch] = work = new Work { Bits = _bits };
        if (work.Nonce is null && ProofOfWork.TrySolve(identity.Id, epoch, work.Bits, ref work.Next, HashesAtOnce))
            work.Nonce = work.Next;
        return work.Nonce;
    }
}
