namespace Macro.NetStack;

/// <summary>
/// Finds the end of a chunked body (RFC 9112 7.1) that passes in pieces of any size. Strict: what readers might understand
/// differently is malformed. Mutable: keep it in a field.
/// </summary>
public struct ChunkedBody
{
    /// <summary>Bytes of the longest line: a chunk's size with extensions, or a trailer field.</summary>
    public const int MaxLine = 8 * 1024;

    /// <summary>Bytes of all trailer fields.</summary>
    public const int MaxTrailers = 32 * 1024;

    const int MostDigits = 15;

    enum Place : byte
    {
        Size,
        Extension,
        SizeEnd,
        Data,
        DataReturn,
        DataEnd,
        TrailerStart,
        Trailer,
        TrailerEnd,
        LastEnd,
        Complete,
        Malformed,
    }

    Place _place;
    long _left;
    int _line;
    int _trailers;

    public readonly bool IsComplete => _place == Place.Complete;

    public readonly bool IsMalformed => _place == Place.Malformed;

    /// <summary>Takes the next bytes and returns how many of them belong to the body: all, unless it ended or broke among them.</summary>
    public int Take(ReadOnlySpan<byte> bytes)
    {
        var at = 0;
        while (at < bytes.Length && _place < Place.Complete)
        {
            if (_place == Place.Data)
            {
                var run = (int)Math.Min(_left, bytes.Length - at);
                _left -= run;
                at += run;
                if (_left == 0)
                    _place = Place.DataReturn;
                continue;
            }
            Step(bytes[at]);
            if (_place != Place.Malformed)
                at++;
        }
        return at;
    }

    void Step(byte next)
    {
        _place = _place switch
        {
            Place.Size => TakeSize(next),
            Place.Extension => next == '\r' ? Place.SizeEnd : TakeText(next, Place.Extension),
            Place.SizeEnd => next == '\n' ? AfterSize() : Place.Malformed,
            Place.DataReturn => next == '\r' ? Place.DataEnd : Place.Malformed,
            Place.DataEnd => next == '\n' ? Begin(Place.Size) : Place.Malformed,
            Place.TrailerStart => next == '\r' ? Place.LastEnd : TakeTrailer(next),
            Place.Trailer => next == '\r' ? Place.TrailerEnd : TakeTrailer(next),
            Place.TrailerEnd => next == '\n' ? Begin(Place.TrailerStart) : Place.Malformed,
            Place.LastEnd => next == '\n' ? Place.Complete : Place.Malformed,
            _ => Place.Malformed,
        };
    }

    Place TakeSize(byte next)
    {
        if (char.IsAsciiHexDigit((char)next))
        {
            _left = _left * 16 + (next <= '9' ? next - '0' : (next | 0x20) - 'a' + 10);
            return ++_line <= MostDigits ? Place.Size : Place.Malformed;
        }
        if (_line == 0)
            return Place.Malformed;
        return next switch
        {
            (byte)'\r' => Place.SizeEnd,
            (byte)';' or (byte)' ' or (byte)'\t' => Place.Extension,
            _ => Place.Malformed,
        };
    }

    Place TakeText(byte next, Place place) => next is 0 or (byte)'\n' || ++_line > MaxLine ? Place.Malformed : place;

    Place TakeTrailer(byte next) => ++_trailers > MaxTrailers ? Place.Malformed : TakeText(next, Place.Trailer);

    Place AfterSize()
    {
        _line = 0;
        return _left == 0 ? Place.TrailerStart : Place.Data;
    }

    Place Begin(Place place)
    {
        _line = 0;
        return place;
    }
}
