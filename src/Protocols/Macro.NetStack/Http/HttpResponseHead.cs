using System.Text;

namespace Macro.NetStack;

/// <summary>The head of an HTTP/1.x response: a view of the bytes, checked once.</summary>
public readonly ref struct HttpResponseHead
{
    /// <summary>Bytes of the longest head.</summary>
    public const int MaxSize = 64 * 1024;

    ReadOnlySpan<byte> FirstLine { get; init; }

    /// <summary>100 to 999.</summary>
    public int Status { get; private init; }

    public HttpFields Fields { get; private init; }

    public HttpFraming Framing { get; private init; }

    /// <summary>Another head follows this one (RFC 9110 15.2).</summary>
    public bool IsInterim => Status is >= 100 and < 200;

    /// <param name="length">Bytes of the head with the empty line.</param>
    public static InputVerdict TryParse(ReadOnlySpan<byte> bytes, out HttpResponseHead head, out int length)
    {
        head = default;
        var verdict = HttpHead.TryFindEnd(bytes, MaxSize, out length);
        if (verdict != InputVerdict.Complete)
            return verdict;
        var firstLine = bytes[..bytes.IndexOf("\r\n"u8)];
        if (firstLine.Length < 12 || !HttpHead.TryParseVersion(firstLine[..8], out var isHttp10) || firstLine[8] != ' '
            || firstLine[9..12].ContainsAnyExceptInRange((byte)'0', (byte)'9') || firstLine[9] == '0'
            || firstLine.Length > 12 && firstLine[12] != ' ' || firstLine.ContainsAny((byte)0, (byte)'\r', (byte)'\n')
            || !HttpFields.TryParse(bytes[(firstLine.Length + 2)..(length - 2)], out var fields))
            return InputVerdict.Malformed;
        head = new HttpResponseHead
        {
            FirstLine = firstLine,
            Status = (firstLine[9] - '0') * 100 + (firstLine[10] - '0') * 10 + (firstLine[11] - '0'),
            Fields = fields,
            Framing = HttpHead.FramingOf(fields, isHttp10, out _),
        };
        return InputVerdict.Complete;
    }

    /// <summary>
    /// Writes the head as the client is to see it: without what was between proxy and server, and with the word that the
    /// connection ends after the body. Where chunks and a length contradict each other the chunks count (RFC 9112 6.3).
    /// </summary>
    /// <returns>False when the room, <see cref="MaxSize"/> + 64 bytes at most, does not suffice.</returns>
    public bool TryWriteForClient(Span<byte> room, out int length)
    {
        var writer = new HttpWriter(room);
        writer.Write(FirstLine);
        writer.Write("\r\n"u8);
        var dropsLength = Framing == HttpFraming.Contradictory && Fields.Lists("Transfer-Encoding"u8, "chunked"u8);
        foreach (var field in Fields)
            if (!HttpHead.IsHopByHop(field, Fields) && !(dropsLength && field.Is("Content-Length"u8)))
                writer.WriteField(field);
        if (!IsInterim)
            writer.Write("Connection: close\r\n"u8);
        writer.Write("\r\n"u8);
        length = writer.Length;
        return !writer.IsFull;
    }
}
