using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// What this node saw of other relays itself: outcomes of circuits, round-trip times, delivered rates. Hearsay does not come in. Kept in
/// memory only, bounded; the relay that was not met for the longest time is forgotten first. Not thread-safe.
/// </summary>
public sealed class ReputationBook
{
    public const int MostRelays = 4096;

    /// <summary>Many circuits that end at one blow are one failure.</summary>
    static readonly TimeSpan s_oneBlow = TimeSpan.FromSeconds(10);

    static readonly TimeSpan s_rateHalfLife = TimeSpan.FromDays(3), s_leastDelivery = TimeSpan.FromSeconds(1);

    // What nobody delivered yet is believed up to this, Mbit/s; what was delivered once, to eight times as much.
    const double Unproven = 128, Trust = 8;
    const long LeastBytes = 1 << 20;

    /// <summary>Who says no is full or shuts down, for all who ask; it is many noes and few circuits that tell who chooses.</summary>
    const double Refusal = 0.25;

    /// <summary>Nobody shuts down twice in that time.</summary>
    static readonly TimeSpan s_shutDownAgain = TimeSpan.FromHours(1);

    readonly Dictionary<NodeId, Entry> _entries = [];
    readonly Queue<(NodeId Id, Offence Offence)> _suspects = new();

    sealed class Entry
    {
        public BetaPosterior Outcomes;
        public readonly Suspicion Suspicion = new();
        public Refusals? Refusals;
        public Instant FailedAt, DeclinedAt, ShutDownAt;
        public TimeSpan? RoundTrip;
        public double Rate;
        public Instant RateAt;
        public Instant Met;
    }

    public int Count => _entries.Count;

    /// <summary>A circuit through it did what it should.</summary>
    public void Succeeded(NodeId id, Instant now)
    {
        var entry = Meet(id, now);
        entry.Outcomes = entry.Outcomes.With(1, 0, now);
        entry.Suspicion.Succeeded();
    }

    /// <summary>A circuit failed, and nobody else can have caused it.</summary>
    /// <param name="couldChoose">It knew by what to choose whom to serve. If not, it is unreliable and not suspect.</param>
    public void Failed(NodeId id, bool couldChoose, Instant now)
    {
        if (!TryBegin(id, now))
            return;
        Note(id, couldChoose ? Offence.Dropping : null, 1, null, 0, now);
        Judge(id, now);
    }

    /// <summary>
    /// A circuit broke between two neighbours, and nobody can tell who broke it: both share the blame, in proportion to how unreliable each was so far.
    /// </summary>
    /// <param name="silent">The first that was not heard.</param>
    /// <param name="couldChoose"><inheritdoc cref="Failed(NodeId, bool, Instant)" path="/param[@name='couldChoose']"/></param>
    public void Failed(NodeId before, NodeId silent, bool couldChoose, Instant now) =>
        Share(before, Offence.NotForwarding, silent, couldChoose ? Offence.Dropping : null, now);

    /// <summary>It said itself that it does not serve a circuit: a quarter of a failure, of which nobody shares the blame.</summary>
    /// <param name="inUse">One that stood already. In full from the second time in an hour on.</param>
    public void Declined(NodeId id, bool inUse, Instant now)
    {
        var entry = Meet(id, now);
        if (now - entry.DeclinedAt < s_oneBlow)
            return;
        entry.DeclinedAt = now;
        var isAgain = inUse && now - entry.ShutDownAt < s_shutDownAgain;
        if (inUse)
            entry.ShutDownAt = now;
        var weight = isAgain ? 1 : Refusal;
        Note(id, Offence.Dropping, weight, null, 0, now, weight);
        Judge(id, now);
    }

    /// <summary>
    /// What a relay handed over from the one behind it was changed on the way, in a circuit that both serve: one of them did it, or somebody on the line between them,
    /// whose messages only the client can check. So it is no proof, and counts as a circuit that was spoiled between the two.
    /// </summary>
    public void Tampered(NodeId before, NodeId behind, Instant now) => Share(before, Offence.Tampering, behind, Offence.Tampering, now);

    /// <summary>An exit refused what its descriptor says that it lets through.</summary>
    /// <param name="network">The destination's network: /16 (IPv4), /32 (IPv6).</param>
    public void Refused(NodeId exit, Prefix network, Instant now)
    {
        if ((Meet(exit, now).Refusals ??= new Refusals()).Add(network, now))
            _suspects.Enqueue((exit, Offence.PolicyLie));
    }

    /// <summary>A probe came back.</summary>
    public void Measured(NodeId id, TimeSpan roundTrip, Instant now)
    {
        var entry = Meet(id, now);
        entry.RoundTrip = entry.RoundTrip is { } before ? before + (roundTrip - before) / 8 : roundTrip;
    }

    /// <summary>So much passed through it in that time.</summary>
    public void Delivered(NodeId id, long bytes, TimeSpan during, Instant now)
    {
        if (bytes < LeastBytes || during < s_leastDelivery)
            return;
        var entry = Meet(id, now);
        var rate = bytes * 8 / during.TotalSeconds / 1e6;
        entry.Rate = Math.Max(rate, RateOf(entry, now));
        entry.RateAt = now;
    }

    /// <summary>A cautious estimate of the share of circuits that it does not spoil, 0.01..1.</summary>
    public double Reliability(NodeId id, Instant now) => Outcomes(id, now).Lower;

    /// <summary>All that is known of its outcomes.</summary>
    public BetaPosterior Outcomes(NodeId id, Instant now) =>
        _entries.TryGetValue(id, out var entry) ? entry.Outcomes.FadedTo(now) : default(BetaPosterior) with { At = now };

    /// <summary>Mbit/s that may be counted on: its word, up to what it has proven.</summary>
    /// <param name="told">Mbit/s by its own word.</param>
    public double Capacity(NodeId id, double told, Instant now)
    {
        var delivered = _entries.TryGetValue(id, out var entry) ? RateOf(entry, now) : 0;
        return Math.Max(Math.Min(told, Math.Max(Unproven, Trust * delivered)), delivered);
    }

    /// <summary>Smoothed, from this node to it; null when it was never measured.</summary>
    public TimeSpan? RoundTrip(NodeId id) => _entries.GetValueOrDefault(id)?.RoundTrip;

    /// <summary>A relay that was found to spoil circuits, once for each time that it is: the owner blocks it.</summary>
    public bool TryTakeSuspect(out NodeId id, out Offence offence)
    {
        var taken = _suspects.TryDequeue(out var suspect);
        (id, offence) = suspect;
        return taken;
    }

    void Share(NodeId one, Offence kind, NodeId other, Offence? othersKind, Instant now)
    {
        var (bad, othersBad) = (1 - Outcomes(one, now).Mean, 1 - Outcomes(other, now).Mean);
        var share = bad / (bad + othersBad);
        var (counts, othersCounts) = (TryBegin(one, now), TryBegin(other, now));
        if (counts)
            Note(one, kind, share, other, othersCounts ? 1 - share : 0, now);
        if (othersCounts)
            Note(other, othersKind, 1 - share, one, counts ? share : 0, now);
        // Each by what is known of the other now.
        Judge(one, now);
        Judge(other, now);
    }

    /// <summary>False: it is one with a failure that was written down already.</summary>
    bool TryBegin(NodeId id, Instant now)
    {
        var entry = Meet(id, now);
        if (now - entry.FailedAt < s_oneBlow)
            return false;
        entry.FailedAt = now;
        return true;
    }

    /// <param name="kind">Null: it is suspected of nothing.</param>
    void Note(NodeId id, Offence? kind, double share, NodeId? neighbour, double neighboursShare, Instant now, double weight = 1)
    {
        var entry = Meet(id, now);
        entry.Outcomes = entry.Outcomes.With(0, share, now);
        if (kind is { } offence)
            entry.Suspicion.Failed(offence, neighbour, neighboursShare, weight);
    }

    void Judge(NodeId id, Instant now)
    {
        if (!_entries.TryGetValue(id, out var entry) || !entry.Suspicion.IsProven(neighbour => Outcomes(neighbour, now)))
            return;
        _suspects.Enqueue((id, entry.Suspicion.Kind));
        // It serves its time and starts again.
        entry.Suspicion.Clear();
    }

    Entry Meet(NodeId id, Instant now)
    {
        if (!_entries.TryGetValue(id, out var entry))
        {
            if (_entries.Count >= MostRelays)
                _entries.Remove(_entries.MinBy(pair => pair.Value.Met.Ticks).Key);
            _entries[id] = entry = new Entry { Outcomes = default(BetaPosterior) with { At = now } };
        }
        entry.Met = now;
        return entry;
    }

    static double RateOf(Entry entry, Instant now) =>
        entry.Rate == 0 ? 0 : entry.Rate * Math.Pow(0.5, Math.Max(0, (now - entry.RateAt) / s_rateHalfLife));
}
