using Macro.Core;

namespace Macro.Engine;

/// <summary>Where relays are looked for, in the order in which it is tried.</summary>
public enum BootstrapSource
{
    /// <summary>Relays of an earlier run.</summary>
    Cache,

    /// <summary>Endpoints that an invite names.</summary>
    Invite,

    /// <summary>The signed list that came with the program.</summary>
    SeedList,

    /// <summary>The distributed hash table.</summary>
    Dht,
}

/// <summary>
/// The order of a cold start. Each source has its time, after which the next is tried besides; what an earlier one still
/// brings is taken. When the last has had its time, it begins again, later and later.
/// </summary>
sealed class BootstrapSources(IReadOnlySet<BootstrapSource> there, IRandom random)
{
    static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(5), s_longest = TimeSpan.FromMinutes(5);

    TimeSpan _pause = s_shortest;
    bool _isPausing;

    /// <summary>The one that is tried; null while nothing is looked for, and between two rounds.</summary>
    public BootstrapSource? Current { get; private set; }

    public bool IsSearching => Current is not null || _isPausing;

    /// <summary>Rounds in which every source had its time.</summary>
    public int Rounds { get; private set; }

    public Instant NextTimeout { get; private set; } = Instant.Never;

    /// <summary>Begins with the first source that is there. <see cref="TryTakeBegun"/> says which.</summary>
    public void Begin(Instant now)
    {
        if (IsSearching)
            return;
        (Rounds, _pause) = (0, s_shortest);
        Advance(null, now);
    }

    /// <summary>Enough is known.</summary>
    public void End()
    {
        (Current, _isPausing, _begun, NextTimeout) = (null, false, null, Instant.Never);
    }

    BootstrapSource? _begun;

    /// <summary>True once for each source whose time begins.</summary>
    public bool TryTakeBegun(out BootstrapSource source)
    {
        source = _begun ?? default;
        var taken = _begun is not null;
        _begun = null;
        return taken;
    }

    /// <summary>The current source has nothing more to give: the next one need not wait.</summary>
    public void Exhausted(Instant now)
    {
        if (Current is { } current)
            Advance(current, now);
    }

    public void HandleTimeout(Instant now)
    {
        if (now >= NextTimeout)
            Advance(Current, now);
    }

    void Advance(BootstrapSource? after, Instant now)
    {
        _isPausing = false;
        for (var source = after is { } last ? last + 1 : BootstrapSource.Cache; source <= BootstrapSource.Dht; source++)
        {
            if (!there.Contains(source))
                continue;
            (Current, _begun, NextTimeout) = (source, source, now + Patience(source));
            return;
        }
        Rounds++;
        (Current, _isPausing) = (null, true);
        NextTimeout = now + _pause + random.NextTime(_pause / 4);
        _pause = 2 * _pause < s_longest ? 2 * _pause : s_longest;
    }

    /// <summary>A relay that lives answers within some round trips; the DHT needs a dozen of them.</summary>
    static TimeSpan Patience(BootstrapSource source) => source switch
    {
        BootstrapSource.Cache => TimeSpan.FromMilliseconds(1500),
        BootstrapSource.Invite => TimeSpan.FromSeconds(2),
        BootstrapSource.SeedList => TimeSpan.FromSeconds(2),
        BootstrapSource.Dht => TimeSpan.FromSeconds(20),
    };
}
