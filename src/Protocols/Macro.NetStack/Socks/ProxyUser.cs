using System.Buffers.Text;
using System.Text;

namespace Macro.NetStack;

/// <summary>The user name that a client gives at a proxy: different ones never share a circuit. Passwords mean nothing.</summary>
public static class ProxyUser
{
    /// <summary>Most bytes of a name, the bound of RFC 1929.</summary>
    public const int MaxBytes = 255;

    static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Reads a name: UTF-8 without control characters. Anything else is refused, for a lossy reading would make two names one.
    /// Empty: none.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out string name)
    {
        name = "";
        if (bytes.Length > MaxBytes || bytes.ContainsAnyInRange((byte)0, (byte)31) || bytes.Contains((byte)127)
            || !System.Text.Unicode.Utf8.IsValid(bytes))
            return false;
        name = s_strict.GetString(bytes);
        return true;
    }

    /// <summary>Reads the credentials of HTTP's Basic scheme (RFC 7617): the name before the colon.</summary>
    public static bool TryParseBasic(ReadOnlySpan<byte> credentials, out string name)
    {
        name = "";
        const int longest = (2 * MaxBytes + 1 + 2) / 3 * 4;
        if (credentials.Length < 6 || !Ascii.EqualsIgnoreCase(credentials[..6], "Basic "u8))
            return false;
        var encoded = credentials[6..].Trim((byte)' ');
        Span<byte> decoded = stackalloc byte[longest];
        if (encoded.Length > longest || Base64.DecodeFromUtf8(encoded, decoded, out _, out var length) != System.Buffers.OperationStatus.Done)
            return false;
        var pair = decoded[..length];
        var colon = pair.IndexOf((byte)':');
        return colon >= 0 && TryParse(pair[..colon], out name);
    }
}
