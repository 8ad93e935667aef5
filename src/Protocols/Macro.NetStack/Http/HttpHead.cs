using System.Buffers.Text;
using System.Text;

namespace Macro.NetStack;

/// <summary>How the body of a message is delimited (RFC 9112 6).</summary>
public enum HttpFraming
{
    /// <summary>Neither a length nor chunks: a request has no body, the body of a response ends with the connection.</summary>
    None,
    Length,
    Chunked,

    /// <summary>Two lengths, chunks and a length, or a coding behind the chunks: readers would disagree about where it ends.</summary>
    Contradictory,
}

/// <summary>Where a head ends, and what all heads have in common.</summary>
static class HttpHead
{
    /// <summary>Finds the empty line. The end is behind it.</summary>
    internal static InputVerdict TryFindEnd(ReadOnlySpan<byte> bytes, int most, out int end)
    {
        var head = bytes[..Math.Min(bytes.Length, most)];
        end = head.IndexOf("\r\n\r\n"u8) + 4;
        var isThere = end >= 4;
        // Where other readers see the end: whoever writes so waits for the answer now.
        if ((isThere ? head[..end] : head).IndexOf("\n\n"u8) >= 0)
            return InputVerdict.Malformed;
        if (isThere)
            return InputVerdict.Complete;
        return bytes.Length >= most ? InputVerdict.TooLong : InputVerdict.Incomplete;
    }

    /// <summary>"HTTP/1.0" or "HTTP/1.1"; a higher minor version counts as 1.1 (RFC 9110 2.5).</summary>
    internal static bool TryParseVersion(ReadOnlySpan<byte> text, out bool isHttp10)
    {
        isHttp10 = text is [.., (byte)'0'];
        return text.Length == 8 && text.StartsWith("HTTP/1."u8) && text[7] is >= (byte)'0' and <= (byte)'9';
    }

    internal static HttpFraming FramingOf(HttpFields fields, bool isHttp10, out long length)
    {
        length = 0;
        var hasLength = fields.TryFindOnly("Content-Length"u8, out var digits, out var lengths);
        var hasCoding = fields.TryFindOnly("Transfer-Encoding"u8, out var coding, out var codings);
        if (lengths || codings || hasLength && hasCoding)
            return HttpFraming.Contradictory;
        if (hasCoding)
            return !isHttp10 && Ascii.EqualsIgnoreCase(coding, "chunked"u8) ? HttpFraming.Chunked : HttpFraming.Contradictory;
        if (!hasLength)
            return HttpFraming.None;
        var isNumber = digits.Length is > 0 and <= 18 && !digits.ContainsAnyExceptInRange((byte)'0', (byte)'9');
        return isNumber && Utf8Parser.TryParse(digits, out length, out _) ? HttpFraming.Length : HttpFraming.Contradictory;
    }

    /// <summary>
    /// Fields between two neighbours, which a proxy does not pass on (RFC 9110 7.6.1). What delimits the body is never one of
    /// them, whatever a Connection field says.
    /// </summary>
    internal static bool IsHopByHop(HttpField field, HttpFields all)
    {
        if (field.Is("Transfer-Encoding"u8) || field.Is("Content-Length"u8) || field.Is("Host"u8))
            return false;
        return field.Is("Connection"u8) || field.Is("Proxy-Connection"u8) || field.Is("Keep-Alive"u8) || field.Is("TE"u8)
            || field.Is("Upgrade"u8) || field.Is("Proxy-Authorization"u8) || field.Is("Proxy-Authenticate"u8)
            || field.Is("Proxy-Authentication-Info"u8) || all.Lists("Connection"u8, field.Name);
    }
}
