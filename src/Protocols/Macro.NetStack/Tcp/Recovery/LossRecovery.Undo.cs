namespace Macro.NetStack.Tcp;

/// <summary>Takes a reduction back when what seemed lost was only late: by timestamp (RFC 3522), DSACK (RFC 3708), F-RTO (RFC 5682).</summary>
sealed partial class LossRecovery
{
    long _undoMarker;
    int _undoRetransmits, _priorWindow, _priorThreshold;
    uint? _retransmitStamp;
    bool _forwardRto;

    void BeginUndo()
    {
        _undoMarker = Una;
        _undoRetransmits = _board.Again > 0 ? _board.Again : -1;
        if (_board.Again == 0)
            _retransmitStamp = null;
    }

    /// <summary>Every copy was needless, or the ACK answers what was sent before the first copy, or there is none yet.</summary>
    bool MayUndo(in Acknowledgment ack) => _undoMarker != 0 && (_undoRetransmits == 0 || AnswersOriginal(ack));

    bool MayUndoByDsack => _undoMarker != 0 && _undoRetransmits == 0;

    bool AnswersOriginal(in Acknowledgment ack) =>
        _retransmitStamp is not { } stamp || (ack.Echo is { } echo && (int)(echo - stamp) < 0);

    void Undo(bool forgetLosses)
    {
        if (forgetLosses)
            _board.ForgetLosses();
        if (_priorThreshold != 0)
        {
            Control.Restore(_priorWindow, _priorThreshold);
            OwesCwr = false;
        }
        _undoMarker = 0;
    }

    bool TryUndoPartial(in Acknowledgment ack)
    {
        if (_undoMarker == 0 || !AnswersOriginal(ack))
            return false;
        // Copies are still out: their fate will tell.
        if (_board.Again > 0)
            return true;
        _retransmitStamp = null;
        NoteLate();
        Undo(forgetLosses: true);
        KeepOpen();
        return true;
    }

    bool TryUndoByDsack()
    {
        if (!MayUndoByDsack)
            return false;
        _rack.NoteUndo();
        NoteLate();
        Undo(forgetLosses: false);
        return true;
    }

    /// <summary>What was taken for lost had been overtaken.</summary>
    void NoteLate() => _rack.NoteReordering((long)DuplicateThreshold * Mss, Mss);

    void FinishRecovery(in Acknowledgment ack)
    {
        if (MayUndo(ack))
        {
            if (State == RecoveryState.Recovery)
                NoteLate();
            Undo(forgetLosses: false);
        }
        else
        {
            _rack.EndRecovery();
        }
        State = RecoveryState.Open;
    }

    /// <summary>After a time-out: was it spurious, and is it over?</summary>
    void JudgeTimeout(in Acknowledgment ack, ref AckNews news)
    {
        var isOver = Una >= _recoveryEnd;
        if (news.Advanced && MayUndo(ack))
        {
            UndoTimeout();
            return;
        }
        if (_forwardRto)
        {
            if (news.OriginalArrived && _undoMarker != 0)
            {
                UndoTimeout();
                return;
            }
            if (Next > _recoveryEnd)
            {
                // New data was sent to find out; something sacked or a duplicate says that the loss was real.
                if (news.Sacked || !news.Advanced)
                    _forwardRto = false;
            }
            else if (news.Advanced && !isOver)
            {
                _recoveryEnd = Next;
                PrefersNewData = true;
                return;
            }
        }
        if (isOver)
            FinishRecovery(ack);
    }

    /// <summary>F-RTO: two new segments go out before more is sent again; the answer tells whether the time-out was spurious.</summary>
    public bool PrefersNewData { get; private set; }

    /// <summary>New data went out, or there is none to send.</summary>
    public void EndPreference(bool sent)
    {
        PrefersNewData = false;
        _forwardRto &= sent;
    }

    void UndoTimeout()
    {
        Undo(forgetLosses: true);
        _forwardRto = false;
        PrefersNewData = false;
        State = RecoveryState.Open;
        _recoveryEnd = Next;
    }
}
