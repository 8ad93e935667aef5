using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The addresses at which the client of an exit session has shown that it receives, when it has several: each is the last relay of a
/// path. The owner thread changes them; pump threads choose among them and count.
/// </summary>
sealed class ExitPaths
{
    readonly PathScheduler<Endpoint> _scheduler = new();
    readonly Instant _epoch;
    uint _made;

    public ExitPaths(Endpoint first, Instant now)
    {
        // Times that are told begin above zero.
        _epoch = now - TimeSpan.FromSeconds(1);
        Add(first, now);
    }

    public IReadOnlyList<PathScheduler<Endpoint>.Path> Paths => _scheduler.Paths;

    public TimeSpan Wait => _scheduler.Wait;

    /// <summary>Where goes what must arrive.</summary>
    public Endpoint Surest => _scheduler.Surest;

    /// <summary>Where a datagram goes.</summary>
    public Endpoint Choose(int bytes, Instant now) => _scheduler.Choose(bytes, now);

    public bool Has(Endpoint endpoint) => Find(endpoint) is not null;

    /// <summary>Which path ends there; null: none.</summary>
    public uint? IdOf(Endpoint endpoint) => Find(endpoint)?.Id;

    /// <summary>The client was heard from there. False: that is none of its addresses.</summary>
    public bool NoteReceived(Endpoint source, int bytes)
    {
        var meter = Find(source);
        meter?.NoteReceived(bytes);
        return meter is not null;
    }

    public void NoteSent(Endpoint to, int bytes) => Find(to)?.NoteSent(bytes);

    /// <summary>One more; when there are too many, the one goes that was silent longest.</summary>
    public void Add(Endpoint endpoint, Instant now)
    {
        if (Has(endpoint))
            return;
        var meter = new PathMeter(++_made, _epoch);
        meter.Begin(now);
        var stay = Paths.OrderByDescending(path => path.Meter.FreshAt).Take(PathScheduler<Endpoint>.Most - 1);
        _scheduler.Set(stay.Append(new(endpoint, meter)), now);
    }

    /// <summary>What the client told by a path, and what it is to be told by the same. Null: it came by none.</summary>
    public PathReport? Handle(in PathReport report, Endpoint source, Instant now) =>
        Find(source) is { } meter ? _scheduler.Handle(meter, report, now) : null;

    PathMeter? Find(Endpoint endpoint)
    {
        foreach (var path in _scheduler.All)
            if (path.Way == endpoint)
                return path.Meter;
        return null;
    }
}
