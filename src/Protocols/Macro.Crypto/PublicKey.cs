using System.Buffers.Binary;

namespace Macro.Crypto;

/// <summary>
/// A public key as a value of 32 bytes: the u-coordinate of X25519 (RFC 7748) or the compressed point of Ed25519 (RFC 8032).
/// Public, so ordinary comparison is fine.
/// </summary>
public readonly record struct PublicKey
{
    public const int Size = 32;

    readonly UInt128 _low, _high;

    /// <param name="bytes">Exactly 32 bytes.</param>
    public PublicKey(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        _low = BinaryPrimitives.ReadUInt128LittleEndian(bytes);
        _high = BinaryPrimitives.ReadUInt128LittleEndian(bytes[16..]);
    }

    public bool IsZero => (_low | _high) == 0;

    /// <summary>Writes 32 bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, _low);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[16..], _high);
    }

    public byte[] ToArray()
    {
        var bytes = new byte[Size];
        Write(bytes);
        return bytes;
    }

    public string ToBase64() => Convert.ToBase64String(ToArray());

    public string ToHex() => Convert.ToHexStringLower(ToArray());

    public static bool TryParseBase64(ReadOnlySpan<char> text, out PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[Size + 1];
        var ok = IsCanonicalBase64(text) && Convert.TryFromBase64Chars(text, bytes, out var length) && length == Size;
        key = ok ? new PublicKey(bytes[..Size]) : default;
        return ok;
    }

    public static bool TryParseHex(ReadOnlySpan<char> text, out PublicKey key)
    {
        Span<byte> bytes = stackalloc byte[Size];
        var ok = text.Length == 2 * Size && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done;
        key = ok ? new PublicKey(bytes) : default;
        return ok;
    }

    /// <summary>44 characters of which the last carries no stray bits, as wg(8) demands: one key, one text.</summary>
    internal static bool IsCanonicalBase64(ReadOnlySpan<char> text) =>
        text.Length == 44 && text[43] == '=' && "AEIMQUYcgkosw048".Contains(text[42]);

    public override string ToString() => ToBase64();
}
