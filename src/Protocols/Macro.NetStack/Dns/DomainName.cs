using System.Globalization;
using System.Text;

namespace Macro.NetStack.Dns;

/// <summary>
/// Domain names in wire form without compression: labels with a length byte before each, and the root's 0 at the end;
/// 1..255 bytes. Case is kept and counts for nothing when names are compared (RFC 4343).
/// </summary>
public static class DomainName
{
    public const int MaxLength = 255;
    const int MaxLabel = 63;

    // A name has at most 127 labels, so an honest writer has no use for more pointers than that.
    const int MaxPointers = 127;

    public static ReadOnlySpan<byte> Root => [0];

    /// <summary>
    /// Reads the name at <paramref name="offset"/> of a message, following compression pointers (RFC 1035 4.1.4). Each
    /// must lead to before the labels it ends, and behind the header. False when the name is malformed or too long.
    /// </summary>
    /// <param name="name">At least 255 bytes of room.</param>
    /// <param name="length">Bytes in <paramref name="name"/>.</param>
    /// <param name="next">The first byte behind the name's place in the message.</param>
    public static bool TryRead(ReadOnlySpan<byte> message, int offset, Span<byte> name, out int length, out int next)
    {
        (length, next) = (0, -1);
        var (runStart, pointers) = (offset, 0);
        while (offset < message.Length)
        {
            int first = message[offset];
            if (first >= 0xc0)
            {
                if (offset + 2 > message.Length)
                    return false;
                var target = ((first & 0x3f) << 8) | message[offset + 1];
                if (target >= runStart || target < MessageView.HeaderLength || ++pointers > MaxPointers)
                    return false;
                if (next < 0)
                    next = offset + 2;
                offset = runStart = target;
                continue;
            }
            if (first > MaxLabel || offset + 1 + first > message.Length || length + 1 + first > MaxLength)
                return false;
            message.Slice(offset, 1 + first).CopyTo(name[length..]);
            length += 1 + first;
            offset += 1 + first;
            if (first == 0)
            {
                if (next < 0)
                    next = offset;
                return true;
            }
        }
        return false;
    }

    /// <summary>The bytes of a name that starts a span and has no compression; 0 when it is malformed.</summary>
    public static int Measure(ReadOnlySpan<byte> bytes)
    {
        for (var at = 0; at < bytes.Length && at < MaxLength; at += 1 + bytes[at])
        {
            if (bytes[at] == 0)
                return at + 1;
            if (bytes[at] > MaxLabel)
                return 0;
        }
        return 0;
    }

    public static bool AreEqual(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b) => EqualsLowered(a, b);

    /// <summary>Whether a name is <paramref name="ancestor"/> or below it.</summary>
    public static bool IsAtOrBelow(ReadOnlySpan<byte> name, ReadOnlySpan<byte> ancestor)
    {
        while (name.Length > ancestor.Length)
            name = Parent(name);
        return AreEqual(name, ancestor);
    }

    /// <summary>The name without its first label; the root's parent is the root.</summary>
    public static ReadOnlySpan<byte> Parent(ReadOnlySpan<byte> name) => name is [0, ..] ? name : name[(1 + name[0])..];

    /// <summary>Copies a name with its letters A-Z made small. Length bytes are below 'A'.</summary>
    public static void Lower(ReadOnlySpan<byte> name, Span<byte> lowered)
    {
        for (var i = 0; i < name.Length; i++)
            lowered[i] = Lower(name[i]);
    }

    /// <summary>Text in the master-file form of RFC 1035 5.1 ("\." and "\DDD"); the last dot may be missing. ASCII only.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, Span<byte> name, out int length)
    {
        length = 0;
        if (text is ".")
        {
            name[0] = 0;
            length = 1;
            return true;
        }
        var label = 0;
        length = 1;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c == '.')
            {
                if (length - label == 1)
                    return false;
                name[label] = (byte)(length - label - 1);
                label = length;
                if (++length > MaxLength)
                    return false;
                continue;
            }
            var value = (byte)c;
            if (c == '\\')
            {
                if (!TryReadEscape(text[(i + 1)..], out value, out var taken))
                    return false;
                i += taken;
            }
            else if (!char.IsAscii(c))
            {
                return false;
            }
            if (length - label > MaxLabel || length + 1 >= MaxLength)
                return false;
            name[length++] = value;
        }
        if (length - label - 1 > 0)
        {
            name[label] = (byte)(length - label - 1);
            name[length++] = 0;
            return true;
        }
        // The text ended with a dot: the open label is the root.
        name[label] = 0;
        return label > 0;
    }

    /// <summary>Wire form of a name that the program itself knows.</summary>
    public static byte[] Parse(string text)
    {
        Span<byte> name = stackalloc byte[MaxLength];
        return TryParse(text, name, out var length) ? name[..length].ToArray() : throw new FormatException($"'{text}' is not a domain name.");
    }

    /// <summary>Master-file text with the last dot; bytes that are not printable as \DDD.</summary>
    public static string ToText(ReadOnlySpan<byte> name)
    {
        if (name is [0, ..])
            return ".";
        var text = new StringBuilder(name.Length);
        for (; name is not [] and not [0, ..]; name = name[(1 + name[0])..])
        {
            foreach (var b in name.Slice(1, name[0]))
                if (b is (byte)'.' or (byte)'\\' or (byte)'"' or (byte)';' or (byte)'(' or (byte)')' or (byte)'@' or (byte)'$')
                    text.Append('\\').Append((char)b);
                else if (b is > 32 and < 127)
                    text.Append((char)b);
                else
                    text.Append(CultureInfo.InvariantCulture, $"\\{b:D3}");
            text.Append('.');
        }
        return text.ToString();
    }

    internal static byte Lower(byte b) => b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b;

    internal static bool IsLetter(byte b) => (byte)(b | 0x20) is >= (byte)'a' and <= (byte)'z';


    static bool EqualsLowered(ReadOnlySpan<byte> a, ReadOnlySpan<byte> b)
    {
        if (a.Length != b.Length)
            return false;
        for (var i = 0; i < a.Length; i++)
            if (Lower(a[i]) != Lower(b[i]))
                return false;
        return true;
    }

    static bool TryReadEscape(ReadOnlySpan<char> text, out byte value, out int taken)
    {
        (value, taken) = (0, 0);
        if (text.IsEmpty)
            return false;
        if (!char.IsAsciiDigit(text[0]))
        {
            (value, taken) = ((byte)text[0], 1);
            return char.IsAscii(text[0]);
        }
        taken = 3;
        return text.Length >= 3 && byte.TryParse(text[..3], NumberStyles.None, CultureInfo.InvariantCulture, out value);
    }
}
