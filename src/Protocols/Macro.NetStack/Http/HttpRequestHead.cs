using System.Text;

namespace Macro.NetStack;

/// <summary>What the target of a request looks like (RFC 9112 3.2).</summary>
public enum HttpTargetForm
{
    /// <summary>"/path": for a server, not for a proxy.</summary>
    Origin,

    /// <summary>"http://host/path".</summary>
    Absolute,

    /// <summary>"host:port", with CONNECT.</summary>
    Authority,

    /// <summary>"*", with OPTIONS.</summary>
    Asterisk,
}

/// <summary>The head of an HTTP/1.x request: a view of the bytes, checked once.</summary>
public readonly ref struct HttpRequestHead
{
    /// <summary>Bytes of the longest head: 32 KiB, four times what most servers take.</summary>
    public const int MaxSize = 32 * 1024;

    public ReadOnlySpan<byte> Method { get; private init; }

    /// <summary>As it stands in the first line.</summary>
    public ReadOnlySpan<byte> Target { get; private init; }

    public HttpTargetForm Form { get; private init; }

    /// <summary>Host and port, or host alone: of the absolute and of the authority form.</summary>
    public ReadOnlySpan<byte> Authority { get; private init; }

    /// <summary>Path and query of the absolute form; may be empty.</summary>
    public ReadOnlySpan<byte> Path { get; private init; }

    /// <summary>The scheme of the absolute form is https: such a request belongs into CONNECT.</summary>
    public bool IsHttps { get; private init; }

    public bool IsHttp10 { get; private init; }

    public HttpFields Fields { get; private init; }

    /// <summary>Never contradictory: such a request is malformed.</summary>
    public HttpFraming Framing { get; private init; }

    /// <summary>Bytes of the body, when it has a length.</summary>
    public long ContentLength { get; private init; }

    public bool IsConnect => Form == HttpTargetForm.Authority;

    /// <param name="length">Bytes of the head with the empty line.</param>
    public static InputVerdict TryParse(ReadOnlySpan<byte> bytes, out HttpRequestHead head, out int length)
    {
        head = default;
        var verdict = HttpHead.TryFindEnd(bytes, MaxSize, out length);
        if (verdict != InputVerdict.Complete)
            return verdict;
        var firstLine = bytes[..bytes.IndexOf("\r\n"u8)];
        var firstBlank = firstLine.IndexOf((byte)' ');
        var lastBlank = firstLine.LastIndexOf((byte)' ');
        if (firstBlank <= 0 || lastBlank <= firstBlank + 1)
            return InputVerdict.Malformed;
        var method = firstLine[..firstBlank];
        var target = firstLine[(firstBlank + 1)..lastBlank];
        if (!HttpFields.IsToken(method) || !HttpHead.TryParseVersion(firstLine[(lastBlank + 1)..], out var isHttp10)
            || target.ContainsAnyExceptInRange((byte)0x21, (byte)0x7e) || target.Contains((byte)'#')
            || !HttpFields.TryParse(bytes[(firstLine.Length + 2)..(length - 2)], out var fields))
            return InputVerdict.Malformed;
        var framing = HttpHead.FramingOf(fields, isHttp10, out var contentLength);
        if (framing == HttpFraming.Contradictory)
            return InputVerdict.Malformed;
        var form = FormOf(method, target, out var authority, out var path, out var isHttps);
        if (form is null)
            return InputVerdict.Malformed;
        head = new HttpRequestHead
        {
            Method = method,
            Target = target,
            Form = form.Value,
            Authority = authority,
            Path = path,
            IsHttps = isHttps,
            IsHttp10 = isHttp10,
            Fields = fields,
            Framing = framing,
            ContentLength = contentLength,
        };
        return InputVerdict.Complete;
    }

    /// <summary>Reads the authority: a host, and a port or the one that goes with the scheme. User information is refused.</summary>
    public bool TryReadTarget(out ProxyTarget target)
    {
        target = default;
        var host = Authority;
        ushort port = IsHttps ? (ushort)443 : (ushort)80;
        var colon = host.LastIndexOf((byte)':');
        if (colon >= 0 && colon > host.LastIndexOf((byte)']'))
        {
            var digits = host[(colon + 1)..];
            if (digits.Length is 0 or > 5 || digits.ContainsAnyExceptInRange((byte)'0', (byte)'9')
                || !System.Buffers.Text.Utf8Parser.TryParse(digits, out port, out var used) || used != digits.Length)
                return false;
            host = host[..colon];
        }
        else if (IsConnect)
            return false;
        var isBracketed = host is [(byte)'[', .., (byte)']'];
        return isBracketed == host.Contains((byte)':') && ProxyTarget.TryParse(host, port, out target);
    }

    /// <summary>
    /// Reads the user name from Proxy-Authorization; without that field it is empty. False: the field is there
    /// and is not Basic, or is no name.
    /// </summary>
    public bool TryReadUser(out string name)
    {
        name = "";
        if (Fields.TryFindOnly("Proxy-Authorization"u8, out var credentials, out var several))
            return ProxyUser.TryParseBasic(credentials, out name);
        return !several;
    }

    /// <summary>
    /// Writes the head as the server is to see it: target in origin form, the host of the target (RFC 9112 3.2.2), nothing that
    /// was meant for the proxy, and the wish that the connection ends after the answer. No Via field: it would tell this node's
    /// users from others.
    /// </summary>
    /// <returns>False when the room, <see cref="MaxSize"/> + 64 bytes at most, does not suffice.</returns>
    public bool TryWriteForServer(Span<byte> room, out int length)
    {
        var writer = new HttpWriter(room);
        writer.Write(Method);
        writer.Write(" "u8);
        if (Path.IsEmpty && Method.SequenceEqual("OPTIONS"u8))
            writer.Write("*"u8);
        else if (Path.IsEmpty || Path[0] == '?')
            writer.Write("/"u8);
        writer.Write(Path);
        // A client that speaks 1.0 does not understand chunks, so the server must not use them.
        writer.Write(IsHttp10 ? " HTTP/1.0\r\nHost: "u8 : " HTTP/1.1\r\nHost: "u8);
        writer.Write(Authority);
        writer.Write("\r\n"u8);
        foreach (var field in Fields)
            if (!field.Is("Host"u8) && !HttpHead.IsHopByHop(field, Fields))
                writer.WriteField(field);
        writer.Write("Connection: close\r\n\r\n"u8);
        length = writer.Length;
        return !writer.IsFull;
    }

    static HttpTargetForm? FormOf(
        ReadOnlySpan<byte> method, ReadOnlySpan<byte> target, out ReadOnlySpan<byte> authority, out ReadOnlySpan<byte> path, out bool isHttps)
    {
        authority = default;
        path = default;
        isHttps = false;
        if (method.SequenceEqual("CONNECT"u8))
        {
            authority = target;
            return HttpTargetForm.Authority;
        }
        if (target[0] == '/')
            return HttpTargetForm.Origin;
        if (target.SequenceEqual("*"u8))
            return HttpTargetForm.Asterisk;
        isHttps = StartsWith(target, "https://"u8);
        if (!isHttps && !StartsWith(target, "http://"u8))
            return null;
        var rest = target[(isHttps ? 8 : 7)..];
        var end = rest.IndexOfAny((byte)'/', (byte)'?');
        authority = end < 0 ? rest : rest[..end];
        path = end < 0 ? default : rest[end..];
        return HttpTargetForm.Absolute;
    }

    static bool StartsWith(ReadOnlySpan<byte> text, ReadOnlySpan<byte> start) =>
        text.Length >= start.Length && Ascii.EqualsIgnoreCase(text[..start.Length], start);
}
