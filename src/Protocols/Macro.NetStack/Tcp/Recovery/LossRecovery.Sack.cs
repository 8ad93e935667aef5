namespace Macro.NetStack.Tcp;

/// <summary>What the peer has beyond gaps (RFC 2018), what it got twice (RFC 2883), and duplicate ACKs in their absence.</summary>
sealed partial class LossRecovery
{
    const int DuplicateThreshold = 3;

    int _duplicates;

    void TakeSacks(in Acknowledgment ack, long now, ref AckNews news)
    {
        var highest = _highestSacked;
        for (var i = 0; i < ack.SackCount; i++)
        {
            var (start, end) = ack.Sack(i, Una);
            if (i == 0 && IsDsack(ack, start, end))
                TakeDsack(start, end, ref news);
            else if (start < end && end <= Next && end > Math.Max(Una, ack.Position))
                TakeSack(start, end, highest, now, ref news);
        }
        if (ack.SackCount == 1)
            _seenSack = ack.Sack(0, Una);
        if (highest != 0 && news.LowestReordered < highest)
            NoteReordering(highest - news.LowestReordered);
    }

    void TakeSack(long start, long end, long highest, long now, ref AckNews news)
    {
        // One block that grows is the common case: only what is new of it needs a look.
        if (start == _seenSack.Start && _seenSack.End > start && end >= _seenSack.End)
            start = _seenSack.End;
        for (var i = _board.Find(Math.Max(start, Una)); i != _board.Next; i++)
        {
            ref var segment = ref _board[i];
            if (segment.End > end)
                break;
            if (segment.Start < start || segment.Is(SentState.Sacked))
                continue;
            if (!segment.Is(SentState.Retransmitted))
            {
                if (segment.Start < highest)
                    news.LowestReordered = Math.Min(news.LowestReordered, segment.Start);
                if (news.FirstSackedAt == 0)
                    news.FirstSackedAt = segment.SentAt;
                news.LastSackedAt = segment.SentAt;
                news.OriginalArrived |= segment.End <= _recoveryEnd;
            }
            _rack.Advance(segment, Rtt.Minimum, now);
            _highestSacked = Math.Max(_highestSacked, segment.End);
            _board.MarkSacked(i);
            news.Delivered++;
            news.Sacked = true;
        }
    }

    /// <summary>The first block lies below the acknowledgment, or inside the second block (RFC 2883 4).</summary>
    static bool IsDsack(in Acknowledgment ack, long start, long end)
    {
        if (start < ack.Position)
            return end <= ack.Position;
        if (ack.SackCount < 2)
            return false;
        var (outerStart, outerEnd) = ack.Sack(1, ack.Position);
        return outerStart <= start && end <= outerEnd;
    }

    void TakeDsack(long start, long end, ref AckNews news)
    {
        // Older than anything that the undo or the reordering window could still learn from.
        if (start >= end || end <= Una - (1L << 28))
            return;
        news.Dsack = true;
        news.DsackOfProbe = _probeEnd != 0 && end == _probeEnd;
        _rack.NoteDsack();
        if (_undoMarker != 0 && _undoRetransmits > 0 && end > _undoMarker)
            _undoRetransmits = (int)Math.Max(0, _undoRetransmits - (end - start + Mss - 1) / Mss);
    }

    /// <summary>
    /// A peer without SACK: each duplicate says that one more segment has arrived (RFC 5681 3.2). The latest ones stand
    /// for it on the board, so that the rest of the recovery is the same.
    /// </summary>
    void CountDuplicate(long now, ref AckNews news)
    {
        if (_board.Count < 2 || State == RecoveryState.Loss)
            return;
        _duplicates++;
        for (var i = _board.First + 1; i != _board.Next; i++)
        {
            ref var segment = ref _board[i];
            if (segment.Is(SentState.Sacked) || segment.Is(SentState.Lost))
                continue;
            if (_duplicates >= DuplicateThreshold)
                _rack.Advance(segment, Rtt.Minimum, now);
            _board.MarkSacked(i);
            news.Delivered++;
            news.Sacked = true;
            return;
        }
    }
}
