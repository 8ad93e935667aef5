using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// Binding requests of one socket as a state machine (RFC 8489 6.2.1, 6.3; RFC 5780 as a client). Datagrams to send go into
/// the outbox; the owner comes back at <see cref="NextTimeout"/> and takes results as they end.
/// </summary>
public sealed class BindingClient(IRandom random, Outbox outbox)
{
    /// <summary>Requests under way at once.</summary>
    public const int MostPending = 64;

    readonly Dictionary<TransactionId, Transaction> _pending = [];
    readonly Queue<BindingResult> _results = new();
    int _last;

    public int Pending => _pending.Count;

    public Instant NextTimeout
    {
        get
        {
            var next = Instant.Never;
            foreach (var transaction in _pending.Values)
                next = Instant.Min(next, transaction.Due);
            return next;
        }
    }

    /// <summary>Sends a request.</summary>
    /// <param name="change">From where the server is to answer.</param>
    /// <param name="responsePort">The port of our outside address that the answer is to go to; 0: where the request came from.</param>
    /// <returns>Its number, or 0 when <see cref="MostPending"/> are under way.</returns>
    public int Ask(Endpoint server, Retransmission plan, Instant now, ChangeRequest change = ChangeRequest.None, ushort responsePort = 0)
    {
        if (_pending.Count == MostPending)
            return 0;
        var id = TransactionId.New(random);
        Span<byte> room = stackalloc byte[64];
        var writer = new MessageWriter(room, MessageClass.Request, MessageView.Binding, id);
        if (change != ChangeRequest.None)
            writer.AddChangeRequest(change);
        if (responsePort != 0)
            writer.AddResponsePort(responsePort);
        writer.AddFingerprint();
        _last = _last == int.MaxValue ? 1 : _last + 1;
        var transaction = new Transaction
        {
            Number = _last,
            Id = id,
            Server = server,
            Request = room[..writer.Length].ToArray(),
            ElsewhereAllowed = change != ChangeRequest.None,
            Plan = plan,
        };
        _pending.Add(id, transaction);
        transaction.Send(outbox, now);
        return _last;
    }

    /// <summary>Takes an answer in. False when it belongs to no request of ours.</summary>
    public bool TryHandle(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (!MessageView.TryParse(datagram, out var message) || message.Method != MessageView.Binding
            || message.Class is not (MessageClass.Success or MessageClass.Error)
            || !_pending.TryGetValue(message.Transaction, out var transaction)
            || source != transaction.Server && !transaction.ElsewhereAllowed)
            return false;
        var mapped = default(Endpoint);
        var answered = message.Class == MessageClass.Success;
        // A success without the one thing that was asked for is no answer; the request goes on.
        if (answered && !message.TryGetMapped(out mapped) || !answered && message.ErrorCode == 0)
            return true;
        message.TryGetAddress(AttributeType.OtherAddress, out var other);
        _pending.Remove(transaction.Id);
        _results.Enqueue(new BindingResult
        {
            Number = transaction.Number,
            Outcome = answered ? BindingOutcome.Answered : BindingOutcome.Refused,
            Server = transaction.Server,
            Mapped = mapped,
            From = source,
            Other = other,
            Error = message.ErrorCode,
            RoundTrip = now - transaction.SentAt,
        });
        return true;
    }

    public void HandleTimeout(Instant now)
    {
        foreach (var (id, transaction) in _pending)
        {
            if (transaction.Due > now)
                continue;
            if (!transaction.IsSpent)
            {
                transaction.Send(outbox, now);
                continue;
            }
            _pending.Remove(id);
            _results.Enqueue(new BindingResult { Number = transaction.Number, Outcome = BindingOutcome.TimedOut, Server = transaction.Server });
        }
    }

    public bool TryTakeResult(out BindingResult result) => _results.TryDequeue(out result!);
}
