using System.Buffers;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// One forwarded HTTP request and its answer: of the client's bytes only those of this request's body go to the server, and
/// the answer's head is rewritten; its body passes unseen.
/// </summary>
sealed class HttpExchange : SpliceFilter
{
    readonly HttpFraming _framing;
    int _headLeft;
    long _bodyLeft;
    ChunkedBody _chunks;
    byte[]? _answer = ArrayPool<byte>.Shared.Rent(4096);
    int _answerLength;
    byte[]? _pending;
    int _pendingStart;
    int _pendingEnd;
    bool _headDone;
    bool _answered;
    bool _over;

    internal HttpExchange(HttpHandshake request)
    {
        (_headLeft, _framing, _bodyLeft) = (request.ForwardedHead.Length, request.Framing, request.ContentLength);
    }

    public override bool IsPassing => _headDone;

    public override bool IsOver => _over;

    public override ReadOnlySpan<byte> PendingDown => _pending.AsSpan(_pendingStart, _pendingEnd - _pendingStart);

    public override int TakeUp(ReadOnlySpan<byte> bytes, out bool ended)
    {
        var head = Math.Min(bytes.Length, _headLeft);
        _headLeft -= head;
        var taken = head + (_headLeft > 0 ? 0 : TakeBody(bytes[head..]));
        ended = _headLeft == 0 && BodyHasEnded;
        return taken;
    }

    public override int TakeDown(ReadOnlySpan<byte> bytes)
    {
        if (_pendingEnd > _pendingStart)
            return 0;
        var count = Math.Min(bytes.Length, HttpResponseHead.MaxSize - _answerLength);
        Grow(ref _answer, _answerLength, count);
        bytes[..count].CopyTo(_answer.AsSpan(_answerLength));
        _answerLength += count;
        TakeHeads();
        return count;
    }

    public override bool EndDown()
    {
        if (_headDone)
            return true;
        Refuse();
        return _pendingEnd == _pendingStart;
    }

    public override void SentDown(int count)
    {
        _answered |= count > 0;
        _pendingStart += count;
        if (_pendingStart < _pendingEnd)
            return;
        (_pendingStart, _pendingEnd) = (0, 0);
        if (_headDone)
            Return(ref _pending);
    }

    public override void Release()
    {
        Return(ref _answer);
        Return(ref _pending);
        (_pendingStart, _pendingEnd) = (0, 0);
    }

    bool BodyHasEnded => _framing switch
    {
        HttpFraming.Length => _bodyLeft == 0,
        HttpFraming.Chunked => _chunks.IsComplete || _chunks.IsMalformed,
        _ => true,
    };

    int TakeBody(ReadOnlySpan<byte> bytes)
    {
        if (_framing == HttpFraming.Chunked)
            return _chunks.Take(bytes);
        var count = (int)Math.Min(bytes.Length, _bodyLeft);
        _bodyLeft -= count;
        return count;
    }

    /// <summary>Passes on every whole head that is there: interim ones, and the one whose body follows.</summary>
    void TakeHeads()
    {
        var start = 0;
        while (true)
        {
            var bytes = _answer.AsSpan(start, _answerLength - start);
            var verdict = HttpResponseHead.TryParse(bytes, out var head, out var length);
            if (verdict == InputVerdict.Incomplete)
                break;
            if (verdict != InputVerdict.Complete || !TryWrite(head, bytes.Length))
            {
                Refuse();
                return;
            }
            start += length;
            if (head.IsInterim)
                continue;
            var rest = bytes[length..];
            rest.CopyTo(_pending.AsSpan(_pendingEnd));
            _pendingEnd += rest.Length;
            _headDone = true;
            Return(ref _answer);
            return;
        }
        _answer.AsSpan(start, _answerLength - start).CopyTo(_answer);
        _answerLength -= start;
    }

    /// <summary>Writes a head behind what is pending, with room for everything that may follow it.</summary>
    bool TryWrite(in HttpResponseHead head, int following)
    {
        Grow(ref _pending, _pendingEnd, following + 64);
        var fits = head.TryWriteForClient(_pending.AsSpan(_pendingEnd), out var written);
        _pendingEnd += written;
        return fits;
    }

    /// <summary>Says so, unless the client has heard something of the answer already: then the end of the stream must do.</summary>
    void Refuse()
    {
        (_headDone, _over) = (true, true);
        Return(ref _answer);
        if (_answered || _pendingEnd > _pendingStart)
            return;
        Grow(ref _pending, 0, HttpAnswer.MaxSize);
        var (status, text) = ProxyFailures.ToHttp(ProxyFailure.BadAnswer);
        (_pendingStart, _pendingEnd) = (0, HttpAnswer.Write(_pending, status, text));
    }

    static void Grow(ref byte[]? buffer, int used, int more)
    {
        if (buffer is not null && buffer.Length - used >= more)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(4096, used + more));
        buffer.AsSpan(0, used).CopyTo(larger);
        Return(ref buffer);
        buffer = larger;
    }

    static void Return(ref byte[]? buffer)
    {
        if (buffer is not null)
            ArrayPool<byte>.Shared.Return(buffer);
        buffer = null;
    }
}
