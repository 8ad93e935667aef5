using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>An endpoint to be proven: a session to it under this key, in which the node says who it is (<see cref="AskSelf"/>).</summary>
public sealed record Challenge(NodeId Node, Endpoint Endpoint, PublicKey RelayKey);

/// <summary>How a challenge ended.</summary>
public enum ChallengeOutcome
{
    /// <summary>A session stood, and the node in it is the one that was meant.</summary>
    Proven,

    /// <summary>Nothing came back in time.</summary>
    Silent,

    /// <summary>Somebody else answered.</summary>
    AnotherNode,
}

/// <summary>
/// Which descriptors this node has proven itself and may pass on: those whose every endpoint answered under the descriptor's
/// relay key, by this node's own hand. Keeps a queue, a rate, back-off and results; the caller opens the sessions that
/// <see cref="TryTake"/> asks for. Endpoints of a family that this node has not are left out; one at least must be proven.
/// </summary>
public sealed class Challenges(ChallengeOptions options)
{
    readonly Dictionary<NodeId, Case> _cases = [];
    readonly Dictionary<(uint, uint), Instant> _met = [];
    readonly Dictionary<(NodeId, Endpoint, PublicKey), Instant> _proven = [];
    readonly Dictionary<Endpoint, Instant> _knockedAt = [];
    readonly PriorityQueue<Case, (long, long)> _waiting = new();
    readonly Dictionary<Challenge, Case> _open = [];
    readonly Queue<SignedDescriptor> _passed = [];
    readonly WorkBudget _rate = new(TimeSpan.FromSeconds(1));
    readonly TimeSpan _cost = TimeSpan.FromSeconds(1) / options.PerSecond;
    long _order;
    Instant _sweepAt;

    sealed class Case(SignedDescriptor signed)
    {
        public readonly SignedDescriptor Signed = signed;
        public int Failures;
    }

    /// <summary>Descriptors that wait or are being proven.</summary>
    public int Pending => _cases.Count;

    /// <summary>Sessions under way.</summary>
    public int Open => _open.Count;

    /// <summary>Whether this item was met already, whatever came of it: it need not be fetched again.</summary>
    public bool Knows(DirectoryItem item) => _met.ContainsKey((item.Sequence, item.Digest));

    /// <summary>
    /// Takes a valid descriptor in. What was proven lately passes at once, so a descriptor that is merely renewed costs
    /// nothing. False when there is no room, or no endpoint that this node could reach.
    /// </summary>
    public bool Add(SignedDescriptor signed, Instant now)
    {
        ArgumentNullException.ThrowIfNull(signed);
        Sweep(now);
        if (!signed.Descriptor.Endpoints.Any(IsReachable) || _met.Count >= options.MostKnown)
            return false;
        if (!_met.TryAdd(((uint)signed.Sequence, signed.Digest), signed.Descriptor.Expires))
            return true;
        if (_cases.TryGetValue(signed.Id, out var before) && !signed.Supersedes(before.Signed))
            return true;
        if (before is null && _cases.Count >= options.MostPending)
            return false;
        var @case = new Case(signed);
        _cases[signed.Id] = @case;
        if (!PassIfProven(@case, now))
            _waiting.Enqueue(@case, (now.Ticks, _order++));
        return true;
    }

    /// <summary>The next endpoint to knock at; false when there is none now.</summary>
    public bool TryTake(Instant now, out Challenge challenge)
    {
        challenge = null!;
        while (_open.Count < options.MostOpen && _waiting.TryPeek(out var @case, out var due) && due.Item1 <= now.Ticks)
        {
            if (_cases.GetValueOrDefault(@case.Signed.Id) != @case || now >= @case.Signed.Descriptor.Expires)
            {
                _waiting.Dequeue();
                Forget(@case);
                continue;
            }
            var next = Unproven(@case, now)!;
            // Whoever lists others' endpoints shall not make us knock there more often than once in a while.
            if (_knockedAt.TryGetValue(next.Endpoint, out var knocked) && now < knocked + options.Between)
            {
                _waiting.Dequeue();
                _waiting.Enqueue(@case, ((knocked + options.Between).Ticks, _order++));
                continue;
            }
            if (!_rate.TrySpend(_cost, now))
                return false;
            _waiting.Dequeue();
            _knockedAt[next.Endpoint] = now;
            _open[next] = @case;
            challenge = next;
            return true;
        }
        return false;
    }

    /// <summary>What came of a challenge. Every one that was taken must be reported.</summary>
    public void Handle(Challenge challenge, ChallengeOutcome outcome, Instant now)
    {
        ArgumentNullException.ThrowIfNull(challenge);
        if (!_open.Remove(challenge, out var @case))
            return;
        if (outcome == ChallengeOutcome.Proven)
            _proven[(challenge.Node, challenge.Endpoint, challenge.RelayKey)] = now + options.Lasts;
        if (_cases.GetValueOrDefault(@case.Signed.Id) != @case)
            return;
        if (outcome == ChallengeOutcome.Proven)
        {
            if (!PassIfProven(@case, now))
                _waiting.Enqueue(@case, (now.Ticks, _order++));
        }
        else if (outcome == ChallengeOutcome.Silent && ++@case.Failures < options.Tries)
            _waiting.Enqueue(@case, ((now + options.Between * Math.Pow(4, @case.Failures)).Ticks, _order++));
        else
            Forget(@case);
    }

    /// <summary>A descriptor that may be passed on: offer it to the directory.</summary>
    public bool TryTakePassed(out SignedDescriptor signed) => _passed.TryDequeue(out signed!);

    bool PassIfProven(Case @case, Instant now)
    {
        if (Unproven(@case, now) is not null)
            return false;
        _cases.Remove(@case.Signed.Id);
        _passed.Enqueue(@case.Signed);
        return true;
    }

    Challenge? Unproven(Case @case, Instant now)
    {
        var (id, descriptor) = (@case.Signed.Id, @case.Signed.Descriptor);
        foreach (var endpoint in descriptor.Endpoints)
            if (IsReachable(endpoint) && !(_proven.TryGetValue((id, endpoint, descriptor.RelayKey), out var until) && now < until))
                return new Challenge(id, endpoint, descriptor.RelayKey);
        return null;
    }

    bool IsReachable(Endpoint endpoint) => endpoint.Address.IsV4 ? options.HasV4 : options.HasV6;

    void Forget(Case @case)
    {
        if (_cases.GetValueOrDefault(@case.Signed.Id) == @case)
            _cases.Remove(@case.Signed.Id);
    }

    void Sweep(Instant now)
    {
        if (now < _sweepAt)
            return;
        _sweepAt = now + TimeSpan.FromMinutes(1);
        RemoveOlder(_met, now);
        RemoveOlder(_proven, now);
        RemoveOlder(_knockedAt, now - options.Between);
    }

    static void RemoveOlder<T>(Dictionary<T, Instant> times, Instant now)
        where T : notnull
    {
        foreach (var (key, until) in times)
            if (until <= now)
                times.Remove(key);
    }
}

/// <summary>How hard a node proves others' endpoints.</summary>
public sealed record ChallengeOptions
{
    public bool HasV4 { get; init; } = true;

    public bool HasV6 { get; init; } = true;

    /// <summary>Sessions begun per second. Default 50: a newcomer proves 50 000 relays in a quarter of an hour.</summary>
    public int PerSecond { get; init; } = 50;

    /// <summary>Sessions under way at once.</summary>
    public int MostOpen { get; init; } = 200;

    /// <summary>Descriptors that wait at once.</summary>
    public int MostPending { get; init; } = 100_000;

    /// <summary>Items remembered until they expire.</summary>
    public int MostKnown { get; init; } = 400_000;

    /// <summary>How long a proof lasts. Default 6 h: an epoch.</summary>
    public TimeSpan Lasts { get; init; } = TimeSpan.FromHours(6);

    /// <summary>Least time between two knocks at one endpoint; failures wait 4, 16 times as long.</summary>
    public TimeSpan Between { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Knocks at an endpoint before its descriptor is dropped; a newer descriptor begins anew.</summary>
    public int Tries { get; init; } = 3;
}
