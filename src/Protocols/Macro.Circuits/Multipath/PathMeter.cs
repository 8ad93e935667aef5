using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// One path of an exit session, seen from one of its ends. Of the direction that leads away it knows what the other end tells: how
/// long the way takes, how long a queue stands on it, and how much its narrowest link lets through. The clocks of the two ends differ
/// by a constant: it is the same for all paths, and only differences count. Between two reports the queue is counted on from what was
/// sent. Pump threads count bytes; everything else is changed under the lock of the <see cref="PathScheduler{TWay}"/>.
/// </summary>
/// <param name="id">By which its reports are told apart.</param>
/// <param name="epoch">From where this end counts time; earlier than anything that happens to it.</param>
public sealed class PathMeter(uint id, Instant epoch)
{
    // A queue that is shorter, or of fewer bytes, may as well be a thread that waited for its processor.
    const long LeastQueue = 4_000, LeastQueued = 6_000;

    // What is lost behind a longer one may be lost for want of room.
    const long LongQueue = 20_000;
    const long ShortestInterval = 5_000, LongestInterval = 2_000_000, BaseWindow = 30_000_000;

    // What may go by a path of which nobody knows how much it carries before the other end has told something, and what is lost of it,
    // while at least half of it comes, only where it overflowed a queue: that may be over before a report comes, and reports are lost with it.
    const long FirstBurst = 256_000, Overflow = FirstBurst / 8;

    // Times between two reports in which something was lost count against it, however much it was: what one full queue spills at one blow is one loss.
    // What arrives, and time, count for it. Together: one packet in two hundred and fifty may be lost, and nine such times are too many at once.
    // Who counts and who sends are not always one thread: less than that is none.
    const long LeastLoss = 600;
    const double LossWeighs = 3, ByteWeighs = 0.012 / 1400, SecondWeighs = 0.2, TooMuch = 25;

    // Whatever the other end tells: no rate is less, and no queue longer.
    const double LeastRate = 1_000, LongestQueue = 10;
    static readonly TimeSpan s_short = TimeSpan.FromMilliseconds(4), s_burst = TimeSpan.FromMilliseconds(60);
    static readonly TimeSpan s_asideFor = TimeSpan.FromMinutes(1), s_afterQueue = TimeSpan.FromMilliseconds(200);
    const int MostDoublings = 3;

    long _sent, _received;
    PathReport _newest;
    long _newestAt, _newestReceived;
    (long SentAt, long Sent, long HeardAt, long Heard, long Queue) _last;
    long _lastBytes;
    long _least, _leastOfWindow, _windowEnds;
    double _rate;

    // Bytes that never came: those that count already, and those of the last report. What is overtaken by a report seems lost in one of them.
    long _lost, _lostBefore;
    double _losses;
    int _doublings;
    Instant _free, _shortAt, _asideUntil, _longAt;

    public uint Id => id;

    /// <summary>Bytes of the session's datagrams by this path.</summary>
    public long Sent => Volatile.Read(ref _sent);

    /// <inheritdoc cref="Sent"/>
    public long Received => Volatile.Read(ref _received);

    /// <summary>Bytes per second that its narrowest link lets through on the way from here; 0: it was never full.</summary>
    public double Rate => Volatile.Read(ref _rate);

    /// <summary>The other end has told how its datagrams come.</summary>
    public bool IsKnown => _last.SentAt > 0;

    /// <summary>What is sent may go by it: it answers, and it helps.</summary>
    public bool IsUsed { get; internal set; }

    /// <summary>Microseconds of the way without a queue, plus the difference of the clocks.</summary>
    internal long Delay => Math.Min(_least, _leastOfWindow);

    /// <summary>Microseconds that the newest report took from the other end, plus the difference of the clocks; rises at once and falls slowly.</summary>
    internal long? Lateness { get; private set; }

    /// <summary>By this end's clock, when that was sent of which the other end told last; before that, when the path began, if the other end began it.</summary>
    internal Instant FreshAt { get; private set; }

    /// <summary>The path begins: it is as fresh as any.</summary>
    internal void Begin(Instant now) => FreshAt = now;

    internal void NoteSent(int bytes) => Interlocked.Add(ref _sent, bytes);

    internal void NoteReceived(int bytes) => Interlocked.Add(ref _received, bytes);

    /// <summary>To be sent by this path, now.</summary>
    internal PathReport Report(Instant now) => new(Micros(now), Sent, _newest.At, _newest.Sent, _newestAt, _newestReceived);

    /// <summary>What the other end told by this path.</summary>
    internal void Handle(in PathReport report, Instant now)
    {
        if (!report.IsValid || report.At <= _newest.At)
            return;
        (_newest, _newestAt, _newestReceived) = (report, Micros(now), Received);
        var late = _newestAt - report.At;
        Lateness = Lateness is { } before && before > late ? before - (before - late) / 8 : late;
        // What was never sent, or lies in the future, tells nothing.
        if (report.EchoAt > _last.SentAt && report.EchoAt <= _newestAt && report.EchoSent <= Sent)
            Measure(report, now);
    }

    /// <summary>How long a packet that goes now will wait at the narrowest link.</summary>
    internal TimeSpan Queue(Instant now) => _free > now ? _free - now : TimeSpan.Zero;

    /// <summary>
    /// Its queue comes and goes, as bursts make it: it was short not long ago. One that stands is none to add to, and controlled delay
    /// (RFC 8289) would begin to drop.
    /// </summary>
    internal bool HasRoom(Instant now)
    {
        if (_rate == 0)
            return Sent - _last.Sent <= FirstBurst + 4 * _lastBytes;
        if (Queue(now) <= s_short)
            _shortAt = now;
        return now - _shortAt <= s_burst;
    }

    internal bool IsAside(Instant now) => now < _asideUntil;

    /// <summary>
    /// It spoils more than it brings: nothing goes by it for a while, and then it is tried anew. Where it spoils again soon, the while is twice as long.
    /// </summary>
    internal void PutAside(Instant now)
    {
        if (!IsAside(now))
            _doublings = now - _asideUntil < 2 * s_asideFor ? Math.Min(_doublings + 1, MostDoublings) : 0;
        _asideUntil = Instant.Max(_asideUntil, now + s_asideFor * (IsAside(now) ? 1 : 1 << _doublings));
        _losses = 0;
        Volatile.Write(ref _rate, 0);
    }

    /// <summary>A datagram goes by it.</summary>
    internal void Take(int bytes, Instant now)
    {
        NoteSent(bytes);
        if (_rate > 0)
            _free = Instant.Min(Instant.Max(_free, now) + TimeSpan.FromSeconds(bytes / _rate), now + TimeSpan.FromSeconds(LongestQueue));
    }

    void Measure(in PathReport report, Instant now)
    {
        var delay = report.HeardAt - report.EchoAt;
        FindLeast(delay, report.EchoAt);
        var queue = delay - Delay;
        var (before, time, bytes) = (_last, report.HeardAt - _last.HeardAt, report.Heard - _last.Heard);
        _last = (report.EchoAt, report.EchoSent, report.HeardAt, report.Heard, queue);
        FreshAt = epoch + TimeSpan.FromMicroseconds(report.EchoAt);
        _lastBytes = Math.Max(bytes, 0);
        // Reports that come much closer together than they went waited for a thread: what came between them tells no rate.
        var isTelling = time >= (report.EchoAt - before.SentAt) / 2 && time >= ShortestInterval && time <= LongestInterval;
        if (before.SentAt > 0 && isTelling && bytes >= 0)
        {
            var (shorter, sent) = (Math.Min(queue, before.Queue), report.EchoSent - before.Sent);
            var wasFull = shorter >= LeastQueue && shorter * (double)bytes / time >= LeastQueued;
            var overflowed = _rate == 0 && bytes >= sent / 2 && sent - bytes >= Overflow;
            Learn(bytes * 1e6 / time, wasFull || overflowed);
            // What is more than it lets through fills its queue, even if nothing stands there any more when the next report comes.
            var isLong = wasFull || overflowed || queue >= LongQueue || (_rate > 0 && sent * 1e6 / time > _rate);
            Judge(report.EchoSent - report.Heard, sent, time, isLong, now);
        }
        // What went since then stands behind the queue that was there.
        _free = _rate > 0 ? FreshAt + TimeSpan.FromSeconds(Math.Min(queue / 1e6 + (Sent - report.EchoSent) / _rate, LongestQueue)) : default;
    }

    void FindLeast(long delay, long at)
    {
        if (!IsKnown)
            (_least, _leastOfWindow, _windowEnds) = (delay, delay, at + BaseWindow);
        else if (at >= _windowEnds)
            (_least, _leastOfWindow, _windowEnds) = (_leastOfWindow, delay, at + BaseWindow);
        _leastOfWindow = Math.Min(_leastOfWindow, delay);
    }

    /// <summary>
    /// Between two reports behind a queue, or one that overflowed, the narrowest link hardly stood idle: what came is its rate. Without one it can do at least
    /// that much, and it is tried whether it can do more.
    /// </summary>
    void Learn(double came, bool wasFull)
    {
        var rate = _rate;
        if (wasFull)
            rate = rate > 0 ? rate + (came - rate) / 4 : came;
        else if (rate > 0 && came > rate)
            rate = came;
        else if (came >= 0.9 * rate)
            rate *= 1.05;
        Volatile.Write(ref _rate, rate > 0 ? Math.Max(rate, LeastRate) : 0);
    }

    /// <summary>
    /// What is lost again and again, and while there is no queue, is not lost for want of room: such a path spoils what goes by the others.
    /// </summary>
    /// <param name="lost">Bytes that never came, since the path began.</param>
    void Judge(long lost, long sent, long time, bool isLong, Instant now)
    {
        var certain = Math.Min(lost, _lostBefore);
        var isNew = certain - _lost >= LeastLoss;
        _lost = isNew ? certain : certain < _lost ? _lost - (_lost - certain) / 8 : _lost;
        _lostBefore = lost;
        _longAt = isLong ? now : _longAt;
        if (now - _longAt <= s_afterQueue)
            return;
        _losses = Math.Max(0, _losses + (isNew ? LossWeighs : 0) - sent * ByteWeighs - time / 1e6 * SecondWeighs);
        if (_losses >= TooMuch)
            PutAside(now);
    }

    long Micros(Instant now) => (now - epoch).Ticks / TimeSpan.TicksPerMicrosecond;
}
