using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Control requests that await their answer: sent again after 250 ms, then 500 ms, and so on, five times in all.
/// Probes do not come here: a probe that is lost is itself the news.
/// </summary>
sealed class Requests
{
    const int Tries = 5;
    static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(250);

    sealed class Pending(uint id, ControlType type, byte[] body, Instant due)
    {
        public readonly uint Id = id;
        public readonly ControlType Type = type;
        public readonly byte[] Body = body;
        public Instant Due = due;
        public int Sent = 1;
    }

    readonly List<Pending> _pending = [];

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var request in _pending)
                next = Instant.Min(next, request.Due);
            return next;
        }
    }

    public void Add(uint id, ControlType type, byte[] body, Instant now) => _pending.Add(new Pending(id, type, body, now + s_first));

    /// <summary>One that is not sent again.</summary>
    public void AddOnce(uint id, ControlType type, byte[] body) => _pending.Add(new Pending(id, type, body, Instant.Never));

    /// <summary>No answer is needed to those of this type any more.</summary>
    public void Forget(ControlType type) => _pending.RemoveAll(p => p.Type == type);

    /// <summary>Whoever was asked is lost.</summary>
    public void Forget() => _pending.Clear();

    /// <summary>Takes a request of this type that has had its last try: one that may fail.</summary>
    public bool TryGiveUp(ControlType type, Instant now, out uint id)
    {
        var spent = _pending.FindIndex(p => p.Type == type && p.Sent == Tries && p.Due <= now);
        id = spent >= 0 ? _pending[spent].Id : 0;
        if (spent >= 0)
            _pending.RemoveAt(spent);
        return spent >= 0;
    }

    /// <summary>True once per request: later copies of an answer are ignored.</summary>
    public bool TryComplete(uint id, ControlType type) => _pending.RemoveAll(p => p.Id == id && p.Type == type) > 0;

    /// <summary>
    /// Takes one request that must be sent again. False when none is due, or when one has had its last try:
    /// <see cref="NextTimeout"/> has passed then and stays so.
    /// </summary>
    public bool TryTakeDue(Instant now, out uint id, out byte[] body)
    {
        (id, body) = (0, []);
        foreach (var request in _pending)
        {
            if (request.Due > now)
                continue;
            if (request.Sent == Tries)
                return false;
            request.Due = now + s_first * (1 << request.Sent);
            request.Sent++;
            (id, body) = (request.Id, request.Body);
            return true;
        }
        return false;
    }
}
