using System.Buffers;
using System.Numerics;
using Macro.Core;

namespace Macro.NetStack.Dns;

public sealed partial class Resolver
{
    /// <summary>A datagram came to the socket of an exchange.</summary>
    public void HandleDatagram(long exchange, Endpoint source, ReadOnlySpan<byte> message, Instant now)
    {
        if (!_exchanges.TryGetValue(exchange, out var question))
            return;
        if (question.Carrier != Carrier.Datagram || source != _options.Upstreams[question.Upstream]
            || !MessageView.TryParse(message, out var answer) || question.Match(answer) is var match && match == AnswerMatch.Stranger)
        {
            Counters.Mismatches++;
            if (++question.Mismatches >= MaxMismatches && question.Carrier == Carrier.Datagram)
                Open(question, question.Upstream, Carrier.Stream, now);
            return;
        }
        // An honest server that does not keep the case, or somebody who guessed the id: a stream tells them apart.
        if (match == AnswerMatch.OtherCase || (answer.Flags & HeaderFlags.Truncated) != 0)
        {
            Counters.Mismatches += match == AnswerMatch.OtherCase ? 1 : 0;
            Counters.StreamFallbacks++;
            Open(question, question.Upstream, Carrier.Stream, now);
            return;
        }
        if (!question.IsResent)
            _upstreams[question.Upstream].Answered(now - question.SentAt);
        HandleAnswer(question, answer, now);
    }

    /// <summary>A message came through the stream of an exchange.</summary>
    public void HandleStream(long exchange, ReadOnlySpan<byte> message, Instant now)
    {
        if (!_exchanges.TryGetValue(exchange, out var question) || question.Carrier != Carrier.Stream)
            return;
        if (!MessageView.TryParse(message, out var answer) || question.Match(answer) != AnswerMatch.Match)
        {
            Counters.Mismatches++;
            HandleFailure(exchange, now);
            return;
        }
        _upstreams[question.Upstream].Answered(now - question.SentAt);
        HandleAnswer(question, answer, now);
    }

    /// <summary>The exchange cannot succeed: port unreachable, connection refused or lost.</summary>
    public void HandleFailure(long exchange, Instant now)
    {
        if (!_exchanges.TryGetValue(exchange, out var question))
            return;
        _upstreams[question.Upstream].Failed(now);
        Close(question);
        Advance(question, now);
    }

    /// <summary>Sends again, asks others, answers with what is stale, gives up.</summary>
    public void HandleTimeout(Instant now)
    {
        while (_deadlines.TryTakeDue(now, out var question))
        {
            if (now >= question.Deadline)
            {
                Fail(question, now);
                continue;
            }
            if (now >= question.StaleAt)
            {
                question.StaleAt = Instant.Never;
                if (Cache.Find(question.Key, now) is { } entry)
                    TellStale(question, entry, now);
            }
            if (now >= question.RetryAt)
            {
                _upstreams[question.Upstream].Failed(now);
                Advance(question, now);
            }
            else
            {
                _deadlines.Set(question, question.NextTimeout);
            }
        }
    }

    void HandleAnswer(PendingQuestion question, in MessageView answer, Instant now)
    {
        var code = answer.ResponseCode;
        if (code is ResponseCode.FormatError or ResponseCode.NotImplemented or ResponseCode.BadVersion && question.HasEdns)
        {
            _upstreams[question.Upstream].RefusedEdns(now);
            Open(question, question.Upstream, question.Carrier, now);
            return;
        }
        var isVerdict = code is ResponseCode.NoError or ResponseCode.NoSuchName or ResponseCode.NameExistsThatShouldNot;
        var isUseful = isVerdict && answer.HasQuestion && (answer.Flags & HeaderFlags.Truncated) == 0 && !IsReferral(answer);
        var mayKeep = false;
        var kept = isUseful ? _reader.Read(answer, question.Question, now, out mayKeep) : null;
        if (kept is null)
        {
            question.Excluded |= 1 << question.Upstream;
            question.LastFailure = isVerdict ? ResponseCode.ServerFailure : code;
            Close(question);
            Advance(question, now);
            return;
        }
        Finish(question);
        if (mayKeep)
            Cache.Store(question.Key, kept);
        foreach (var client in question.Waiting)
            Tell(client, kept, 0, now);
    }

    /// <summary>Nothing but the names of others to ask: from a server that does not do so itself.</summary>
    static bool IsReferral(in MessageView answer) =>
        (answer.Flags & (HeaderFlags.RecursionAvailable | HeaderFlags.Authoritative)) == 0 && answer.Count(Section.Answer) == 0;

    /// <summary>The next attempt, or the end when there have been enough.</summary>
    void Advance(PendingQuestion question, Instant now)
    {
        var all = (1 << _upstreams.Length) - 1;
        if (question.Attempts >= 2 + _upstreams.Length || question.Excluded == all)
        {
            Fail(question, now);
            return;
        }
        // With one upstream the same datagram goes again from the same port (so that never two ids are open), then a stream.
        var isSingle = BitOperations.PopCount((uint)(all & ~question.Excluded)) == 1;
        if (isSingle && question.Exchange != 0 && question.Carrier == Carrier.Datagram && !question.IsResent)
        {
            question.IsResent = true;
            Send(question, now);
            return;
        }
        if ((question.Tried | question.Excluded) == all)
            question.Tried = 0;
        var best = -1;
        for (var i = 0; i < _upstreams.Length; i++)
            if (((question.Tried | question.Excluded) >> i & 1) == 0 && (best < 0 || _upstreams[i].Cost(now) < _upstreams[best].Cost(now)))
                best = i;
        var useStream = _options.StreamsOnly || question.Attempts >= Math.Max(2, _upstreams.Length);
        Open(question, best, useStream ? Carrier.Stream : Carrier.Datagram, now);
    }

    void Open(PendingQuestion question, int upstream, Carrier carrier, Instant now)
    {
        Close(question);
        question.Exchange = ++_lastExchange;
        question.Upstream = upstream;
        question.Carrier = carrier;
        question.Tried |= 1 << upstream;
        question.Prepare(_upstreams[upstream].TakesEdns(now), _options.PaddingBlock, _random);
        _exchanges.Add(question.Exchange, question);
        Send(question, now);
    }

    void Send(PendingQuestion question, Instant now)
    {
        Counters.UpstreamQueries++;
        var isStream = question.Carrier == Carrier.Stream;
        var health = _upstreams[question.Upstream];
        question.SentAt = now;
        question.RetryAt = now + (isStream ? _options.StreamTimeout : health.Timeout(question.IsResent ? 1 : 0));
        question.Attempts++;
        _deadlines.Set(question, question.NextTimeout);
        _outputs.Enqueue(new(
            isStream ? ResolverAction.SendStream : ResolverAction.SendDatagram,
            question.Exchange, _options.Upstreams[question.Upstream], question.Sent, Client: null));
    }

    void Close(PendingQuestion question)
    {
        if (question.Exchange == 0)
            return;
        _exchanges.Remove(question.Exchange);
        _outputs.Enqueue(new(ResolverAction.End, question.Exchange, _options.Upstreams[question.Upstream], [], Client: null));
        question.Exchange = 0;
    }

    void Finish(PendingQuestion question)
    {
        Close(question);
        _deadlines.Remove(question);
        _pending.Remove(question.Key);
    }

    void Fail(PendingQuestion question, Instant now)
    {
        Counters.Failures++;
        Finish(question);
        if (Cache.Find(question.Key, now) is { Answer.IsResolved: true } entry)
        {
            entry.RefreshFailedUntil = now + RefreshPause;
            TellStale(question, entry, now);
            return;
        }
        if (question.Waiting.Count == 0)
            return;
        var failed = _reader.Failed(question.Waiting[0].Question, question.LastFailure, now);
        if (IsConnected)
            Cache.Store(question.Key, failed);
        foreach (var client in question.Waiting)
            Tell(client, failed, 0, now);
    }

    void TellStale(PendingQuestion question, AnswerCache.Entry entry, Instant now)
    {
        foreach (var client in question.Waiting)
        {
            Counters.StaleAnswers++;
            Tell(client, entry.Answer, now < entry.Answer.Expires ? 0 : StaleTtl, now);
        }
        question.Waiting.Clear();
    }

    void Tell(in PendingQuestion.Client client, CachedAnswer answer, uint staleTtl, Instant now)
    {
        var room = ArrayPool<byte>.Shared.Rent(client.Query.Limit);
        var length = answer.Write(client.Query, client.Question, staleTtl, room, now);
        _outputs.Enqueue(new(ResolverAction.Answer, 0, default, room[..length], client.Context));
        ArrayPool<byte>.Shared.Return(room);
    }
}
