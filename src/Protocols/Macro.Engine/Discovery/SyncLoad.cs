using Macro.Core;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// Whom the questions of a reconciliation go to: to its partner, and those for many descriptors to others besides. A relay
/// hears a hundred requests of one session in ten seconds and no more; so none is asked more often than that, and a newcomer
/// who lacks everything need not wait for one of them.
/// </summary>
sealed class SyncLoad(IRandom random)
{
    /// <summary>Relays that help a partner.</summary>
    public const int MostHelpers = 6;

    /// <summary>Descriptors from which on others are asked: few of them are new, and only the partner is sure to have those.</summary>
    public const int Many = 64;

    /// <summary>The rest is for other questions to the same relay, and for repetitions.</summary>
    const int MostAsked = 80;

    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    readonly Dictionary<NodeId, (Instant Since, int Count)> _asked = [];
    readonly List<SignedDescriptor> _helpers = [];
    SignedDescriptor? _partner;

    /// <summary>When there is room again; never, unless <see cref="Pick"/> found none.</summary>
    public Instant NextTimeout { get; private set; } = Instant.Never;

    /// <param name="others">Relays that can be asked, in any order.</param>
    public void Begin(SignedDescriptor partner, IEnumerable<SignedDescriptor> others, Instant now)
    {
        _partner = partner;
        _helpers.Clear();
        SignedDescriptor[] all = [.. others.Where(other => other.Id != partner.Id)];
        random.Shuffle(all.AsSpan());
        foreach (var other in all)
            Add(other);
        foreach (var (id, asked) in _asked)
            if (now - asked.Since >= s_window)
                _asked.Remove(id);
        NextTimeout = Instant.Never;
    }

    /// <summary>Another one can be asked now.</summary>
    public void Add(SignedDescriptor helper)
    {
        if (_helpers.Count < MostHelpers && _partner is not null && helper.Id != _partner.Id && !_helpers.Exists(known => known.Id == helper.Id))
            _helpers.Add(helper);
    }

    /// <summary>Who is asked next; null: all have enough to do.</summary>
    /// <param name="wanted">Descriptors that the next question is for; 0: only the partner can answer it.</param>
    public SignedDescriptor? Pick(int wanted, Instant now)
    {
        var picked = wanted < Many ? null : _helpers.Where(helper => Room(helper, now) > 0).MaxBy(helper => Room(helper, now));
        if (_partner is { } partner && (picked is null || Room(partner, now) > Room(picked, now)))
            picked = Room(partner, now) > 0 ? partner : null;
        NextTimeout = picked is null && _partner is not null ? _asked.GetValueOrDefault(_partner.Id).Since + s_window : Instant.Never;
        return picked;
    }

    public void Asked(SignedDescriptor relay, Instant now)
    {
        var (since, count) = _asked.GetValueOrDefault(relay.Id);
        _asked[relay.Id] = now - since >= s_window ? (now, 1) : (since, count + 1);
    }

    /// <summary>It did not answer.</summary>
    public void Drop(SignedDescriptor helper) => _helpers.Remove(helper);

    int Room(SignedDescriptor relay, Instant now) =>
        _asked.TryGetValue(relay.Id, out var asked) && now - asked.Since < s_window ? MostAsked - asked.Count : MostAsked;
}
