using System.Buffers.Text;
using System.Text;

namespace Macro.NetStack;

/// <summary>Short answers of a proxy's own, in plain text, after which the connection ends.</summary>
public static class HttpAnswer
{
    /// <summary>Bytes that suffice for an answer with a text of up to 512 bytes.</summary>
    public const int MaxSize = 1024;

    /// <summary>What a client hears when its CONNECT has succeeded.</summary>
    public static ReadOnlySpan<byte> Connected => "HTTP/1.1 200 Connection established\r\n\r\n"u8;

    /// <summary>
    /// Writes an answer and returns its bytes. Nothing in it allows a web page of another origin to read it.
    /// </summary>
    /// <param name="status">400, 403, 407, 431, 502, 503 or 504.</param>
    /// <param name="text">One sentence for a person, ASCII.</param>
    public static int Write(Span<byte> room, int status, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        Span<byte> digits = stackalloc byte[10];
        var writer = new HttpWriter(room);
        writer.Write("HTTP/1.1 "u8);
        writer.Write(Number(status, digits));
        writer.Write(Phrase(status));
        writer.Write("\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n"u8);
        if (status == 407)
            writer.Write("Proxy-Authenticate: Basic realm=\"the user name chooses the circuit, the password means nothing\"\r\n"u8);
        writer.Write("Connection: close\r\nContent-Length: "u8);
        writer.Write(Number(text.Length + 1, digits));
        writer.Write("\r\n\r\n"u8);
        Span<byte> body = stackalloc byte[512];
        writer.Write(body[..Encoding.ASCII.GetBytes(text, body)]);
        writer.Write("\n"u8);
        return writer.Length;
    }

    static ReadOnlySpan<byte> Number(int number, Span<byte> digits)
    {
        _ = Utf8Formatter.TryFormat(number, digits, out var length);
        return digits[..length];
    }

    static ReadOnlySpan<byte> Phrase(int status) => status switch
    {
        400 => " Bad Request"u8,
        403 => " Forbidden"u8,
        407 => " Proxy Authentication Required"u8,
        431 => " Request Header Fields Too Large"u8,
        502 => " Bad Gateway"u8,
        503 => " Service Unavailable"u8,
        504 => " Gateway Timeout"u8,
        _ => " Error"u8,
    };
}
