using Macro.Core;

namespace Macro.Nat;

/// <summary>By which way a session's datagrams go.</summary>
public enum PathUse
{
    /// <summary>By the relayed path alone.</summary>
    Relayed,

    /// <summary>By both: the direct path is new, or may be dead. The receiver's replay window drops what comes twice.</summary>
    Both,

    /// <summary>By the direct path alone.</summary>
    Direct,
}

/// <summary>
/// Keeps the direct ways to one peer alive and says which of them a session takes, if any: up after two pongs in a row, on
/// both ways as soon as a pong is late, back to the relayed path 6.5 s after the last one. IPv6 counts as 10 ms nearer,
/// and a better way must be better by a fifth. A state machine of one owner thread.
/// </summary>
public sealed class PathKeeper(KeepaliveInterval lifetime)
{
    const int MaxWays = 4, PongsToTrust = 2;

    /// <summary>Between pings while the session carries packets.</summary>
    public static readonly TimeSpan ActiveInterval = TimeSpan.FromSeconds(3);

    /// <summary>From the first ping without an answer until a way is given up: with the pause before it, 6.5 s at most when active.</summary>
    static readonly TimeSpan s_giveUp = TimeSpan.FromSeconds(3.5);

    static readonly TimeSpan s_hurry = TimeSpan.FromMilliseconds(250), s_activeFor = TimeSpan.FromSeconds(10);
    static readonly TimeSpan s_leastPatience = TimeSpan.FromMilliseconds(300), s_v4Handicap = TimeSpan.FromMilliseconds(10);

    sealed class Way(PunchedPath path, Instant now)
    {
        public PunchedPath Path = path;
        public int Pongs;
        public Instant LastPong = now, NextPing = now;

        /// <summary>The oldest ping that is not answered; Never when all are.</summary>
        public Instant Unanswered = Instant.Never;

        public TimeSpan Cost => Path.RoundTrip + (Path.Remote.Address.IsV4 ? s_v4Handicap : TimeSpan.Zero);

        TimeSpan Patience => 3 * Path.RoundTrip > s_leastPatience ? 3 * Path.RoundTrip : s_leastPatience;

        public Instant Suspected => Unanswered + Patience;

        public Instant GivenUp => Unanswered + s_giveUp;
    }

    readonly List<Way> _ways = [];
    readonly Queue<PunchedPath> _pings = new();
    Way? _chosen;
    Instant _lastTraffic;

    public PathUse Use { get; private set; } = PathUse.Relayed;

    /// <summary>The direct way in use, alone or beside the relayed path; null while there is none.</summary>
    public PunchedPath? Path => Use == PathUse.Relayed ? null : _chosen?.Path;

    /// <summary>When packets last were told of.</summary>
    public Instant LastTraffic => _lastTraffic;

    /// <summary>No way is left: time for another punch.</summary>
    public bool IsLost => _ways.Count == 0;

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var way in _ways)
                next = Instant.Min(next, Instant.Min(way.NextPing, way.GivenUp));
            if (_chosen is { } chosen && Use == PathUse.Direct)
                next = Instant.Min(next, chosen.Suspected);
            return next;
        }
    }

    /// <summary>Whether one of the ways leaves by this socket.</summary>
    public bool Uses(int socket) => _ways.Exists(way => way.Path.Socket == socket);

    /// <summary>A ping that is to go this way now.</summary>
    public bool TryTakePing(out PunchedPath way) => _pings.TryDequeue(out way);

    /// <summary>A pong that answers one of our pings; a punch's first one, too.</summary>
    public void HandlePong(PunchedPath path, Instant now)
    {
        var way = _ways.Find(w => w.Path.Remote == path.Remote && w.Path.Socket == path.Socket);
        if (way is null)
        {
            if (_ways.Count == MaxWays)
                return;
            _ways.Add(way = new Way(path, now));
        }
        else
        {
            if (way.Unanswered != Instant.Never)
                lifetime.Survived(way.Unanswered - way.LastPong);
            way.Path = path with { RoundTrip = way.Path.RoundTrip + (path.RoundTrip - way.Path.RoundTrip) / 4 };
        }
        way.Pongs++;
        (way.LastPong, way.Unanswered) = (now, Instant.Never);
        way.NextPing = now + (way.Pongs < PongsToTrust ? s_hurry : Interval(way, now));
        Choose(now);
    }

    /// <summary>The session sent or received packets.</summary>
    public void NoteTraffic(Instant now)
    {
        if (now < _lastTraffic)
            return;
        var wasActive = IsActive(now);
        _lastTraffic = now;
        // What was alive half a minute ago need not be now.
        if (!wasActive && _chosen is { } chosen)
            chosen.NextPing = Instant.Min(chosen.NextPing, Instant.Max(now, chosen.LastPong + ActiveInterval));
    }

    public void HandleTimeout(Instant now)
    {
        for (var i = _ways.Count - 1; i >= 0; i--)
        {
            var way = _ways[i];
            if (now >= way.GivenUp)
            {
                lifetime.Lost(way.Unanswered - way.LastPong);
                _ways.RemoveAt(i);
                continue;
            }
            if (now < way.NextPing)
                continue;
            if (way.Unanswered == Instant.Never)
                way.Unanswered = now;
            way.NextPing = now + s_hurry;
            _pings.Enqueue(way.Path);
        }
        Choose(now);
    }

    void Choose(Instant now)
    {
        if (_chosen is not null && !_ways.Contains(_chosen))
            _chosen = null;
        foreach (var way in _ways)
            if (way.Unanswered == Instant.Never || now < way.Suspected)
                if (_chosen is null || (way != _chosen && way.Pongs >= PongsToTrust && IsBetter(way, _chosen, now)))
                    _chosen = way;
        Use = _chosen is null ? PathUse.Relayed
            : _chosen.Pongs >= PongsToTrust && now < _chosen.Suspected ? PathUse.Direct
            : PathUse.Both;
        if (now >= _chosen?.Suspected)
            _chosen.Pongs = 0;
    }

    static bool IsBetter(Way way, Way than, Instant now) => now >= than.Suspected || 1.2 * way.Cost < than.Cost;

    bool IsActive(Instant now) => now - _lastTraffic < s_activeFor;

    TimeSpan Interval(Way way, Instant now) => way == _chosen && IsActive(now) ? ActiveInterval : lifetime.Interval;
}
