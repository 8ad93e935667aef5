using System.Buffers;
using System.Text;

namespace Macro.NetStack;

/// <summary>One header field of an HTTP/1.1 message: name and value as they stand, the value without blanks around it.</summary>
public readonly ref struct HttpField
{
    internal HttpField(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        Name = name;
        Value = value;
    }

    public ReadOnlySpan<byte> Name { get; }

    public ReadOnlySpan<byte> Value { get; }

    public bool Is(ReadOnlySpan<byte> name) => Ascii.EqualsIgnoreCase(Name, name);
}

/// <summary>The header fields of a message, checked once (RFC 9112 5): a walk over them cannot fail.</summary>
public readonly ref struct HttpFields
{
    static readonly SearchValues<byte> s_token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"u8);

    /// <summary>Fields of one head; browsers and servers send some tens.</summary>
    const int MostFields = 256;

    /// <summary>Bytes in Connection fields. Each name there is looked for among all fields: the product must stay small.</summary>
    const int MostConnectionBytes = 1024;

    readonly ReadOnlySpan<byte> _lines;

    HttpFields(ReadOnlySpan<byte> lines) => _lines = lines;

    /// <param name="lines">Each ends with CR LF; none is empty.</param>
    internal static bool TryParse(ReadOnlySpan<byte> lines, out HttpFields fields)
    {
        fields = new HttpFields(lines);
        int count = 0, connectionBytes = 0;
        for (var rest = lines; !rest.IsEmpty; count++)
        {
            var line = CutLine(ref rest);
            var colon = line.IndexOf((byte)':');
            // No name, a blank before the colon, a folded line: what one reader takes for two fields another takes for one.
            if (colon <= 0 || !IsToken(line[..colon]) || line[(colon + 1)..].ContainsAny((byte)0, (byte)'\r', (byte)'\n'))
                return false;
            if (Ascii.EqualsIgnoreCase(line[..colon], "Connection"u8))
                connectionBytes += line.Length;
        }
        return count <= MostFields && connectionBytes <= MostConnectionBytes;
    }

    internal static bool IsToken(ReadOnlySpan<byte> bytes) => !bytes.IsEmpty && !bytes.ContainsAnyExcept(s_token);

    public Enumerator GetEnumerator() => new(_lines);

    /// <summary>Finds the only field of a name. False: there is none, or there are several and <paramref name="several"/> says so.</summary>
    public bool TryFindOnly(ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value, out bool several)
    {
        value = default;
        var found = 0;
        foreach (var field in this)
        {
            if (!field.Is(name))
                continue;
            value = field.Value;
            found++;
        }
        several = found > 1;
        return found == 1;
    }

    /// <summary>Whether a list among the fields of that name has the token in it.</summary>
    public bool Lists(ReadOnlySpan<byte> name, ReadOnlySpan<byte> token)
    {
        foreach (var field in this)
            if (field.Is(name))
                foreach (var part in field.Value.Split((byte)','))
                    if (Ascii.EqualsIgnoreCase(field.Value[part].Trim(" \t"u8), token))
                        return true;
        return false;
    }

    static ReadOnlySpan<byte> CutLine(scoped ref ReadOnlySpan<byte> rest)
    {
        var end = rest.IndexOf("\r\n"u8);
        var line = rest[..end];
        rest = rest[(end + 2)..];
        return line;
    }

    /// <summary>A walk over the fields.</summary>
    public ref struct Enumerator
    {
        ReadOnlySpan<byte> _rest;

        internal Enumerator(ReadOnlySpan<byte> lines) => _rest = lines;

        public HttpField Current { get; private set; }

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
                return false;
            var line = CutLine(ref _rest);
            var colon = line.IndexOf((byte)':');
            Current = new HttpField(line[..colon], line[(colon + 1)..].Trim(" \t"u8));
            return true;
        }
    }
}
