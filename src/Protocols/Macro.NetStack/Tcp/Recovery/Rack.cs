namespace Macro.NetStack.Tcp;

/// <summary>
/// RACK (RFC 8985 6): a segment is lost when one that was sent sufficiently later has arrived. Times in ticks.
/// </summary>
struct Rack
{
    const int MaxSteps = 255, PersistRecoveries = 16, MostReordering = 300;

    long _sentAt, _end, _rtt;
    long _dsackAt;
    int _steps, _persist, _reordering;
    bool _dsackSeen;

    public static Rack Begin() => new() { _steps = 1, _reordering = 3 };

    /// <summary>Segments were once delivered out of order on this path.</summary>
    public bool ReorderingSeen { readonly get; private set; }

    /// <summary>Takes the news that a segment has arrived (step 2).</summary>
    public void Advance(in SentSegment segment, long minimumRtt, long now)
    {
        var rtt = now - segment.SentAt;
        // Too fast for the copy: it was the original.
        if (rtt < minimumRtt && segment.Is(SentState.Retransmitted))
            return;
        _rtt = rtt;
        if (segment.IsSentAfter(_sentAt, _end))
            (_sentAt, _end) = (segment.SentAt, segment.End);
    }

    /// <summary>A segment that was sent once arrived below the highest that had arrived (step 3).</summary>
    public void NoteReordering(long distance, int mss)
    {
        ReorderingSeen = true;
        _reordering = (int)Math.Clamp(distance / Math.Max(mss, 1), _reordering, MostReordering);
    }

    /// <summary>A copy was needless: the window for reordering grows (step 4).</summary>
    public void NoteDsack() => _dsackSeen = true;

    /// <summary>A recovery was undone.</summary>
    public void NoteUndo() => _persist = Math.Min(PersistRecoveries, _persist + 1);

    /// <summary>A recovery ended.</summary>
    public void EndRecovery() => _persist = Math.Max(0, _persist - 1);

    /// <summary>Adapts the steps of the reordering window once in a round trip.</summary>
    /// <param name="una">Acknowledged before this ACK.</param>
    public void UpdateWindow(long una, long next)
    {
        if (una < _dsackAt)
            _dsackSeen = false;
        if (_dsackSeen)
        {
            _steps = Math.Min(MaxSteps, _steps + 1);
            (_dsackSeen, _dsackAt, _persist) = (false, next, PersistRecoveries);
        }
        else if (_persist == 0)
        {
            _steps = 1;
        }
    }

    /// <summary>Marks what is lost (step 5). Returns how long until the next segment counts as lost, 0 when none will; <paramref name="lost"/>: how many are.</summary>
    public readonly long DetectLoss(Scoreboard board, bool inRecovery, long minimumRtt, long smoothedRtt, long now, out int lost)
    {
        lost = 0;
        if (_sentAt == 0)
            return 0;
        var patience = _rtt + Window(board.Sacked, inRecovery, minimumRtt, smoothedRtt);
        long wait = 0;
        for (var slot = board.Oldest; slot >= 0;)
        {
            ref var segment = ref board.AtSlot(slot);
            if (segment.IsSentAfter(_sentAt, _end) || (segment.SentAt == _sentAt && segment.End == _end))
                break;
            var next = board.NewerThan(slot);
            var remaining = patience - (now - segment.SentAt);
            if (remaining > 0)
                wait = Math.Max(wait, remaining);
            else if (board.MarkSlotLost(slot))
                lost++;
            slot = next;
        }
        return wait;
    }

    /// <summary>How long a segment of the board may still be under way; not positive: it is overdue.</summary>
    public readonly long Remaining(in SentSegment segment, long now) => _rtt - (now - segment.SentAt);

    readonly long Window(int sacked, bool inRecovery, long minimumRtt, long smoothedRtt)
    {
        if (!ReorderingSeen && (inRecovery || sacked >= _reordering))
            return 0;
        return Math.Min(minimumRtt / 4 * _steps, smoothedRtt);
    }
}
