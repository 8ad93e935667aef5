using System.Buffers.Text;

namespace Macro.Dht;

/// <summary>
/// Writes bencode (BEP 3) into the caller's buffer. The caller gives keys in order. What does not fit sets
/// <see cref="Overflowed"/> and is not written.
/// </summary>
ref struct BencodeWriter(Span<byte> buffer)
{
    readonly Span<byte> _buffer = buffer;

    /// <summary>Bytes so far.</summary>
    public int Length { get; private set; }

    public bool Overflowed { get; private set; }

    public readonly ReadOnlySpan<byte> Written => _buffer[..Length];

    public void BeginDictionary() => Raw("d"u8);

    public void BeginList() => Raw("l"u8);

    public void End() => Raw("e"u8);

    public void Integer(long number)
    {
        Raw("i"u8);
        Decimal(number);
        Raw("e"u8);
    }

    public void String(scoped ReadOnlySpan<byte> text)
    {
        Decimal(text.Length);
        Raw(":"u8);
        Raw(text);
    }

    public void String(scoped ReadOnlySpan<byte> key, scoped ReadOnlySpan<byte> text)
    {
        String(key);
        String(text);
    }

    public void Integer(scoped ReadOnlySpan<byte> key, long number)
    {
        String(key);
        Integer(number);
    }

    public void Id(scoped ReadOnlySpan<byte> key, Id160 id)
    {
        Span<byte> bytes = stackalloc byte[Id160.Size];
        id.Write(bytes);
        String(key, bytes);
    }

    /// <summary>Bytes that are bencode already.</summary>
    public void Raw(scoped ReadOnlySpan<byte> bytes)
    {
        if (Overflowed || bytes.Length > _buffer.Length - Length)
        {
            Overflowed = true;
            return;
        }
        bytes.CopyTo(_buffer[Length..]);
        Length += bytes.Length;
    }

    void Decimal(long number)
    {
        Span<byte> digits = stackalloc byte[20];
        Utf8Formatter.TryFormat(number, digits, out var length);
        Raw(digits[..length]);
    }
}
