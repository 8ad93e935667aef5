using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// The name of a node: its Ed25519 public key, 32 bytes. As text: 52 characters of z-base-32, most significant bit first,
/// the last character's four spare bits zero. Source: human-oriented base-32 encoding (O'Whielacronx, 2009).
/// </summary>
public readonly record struct NodeId(PublicKey Key) : IComparable<NodeId>
{
    public const int Size = PublicKey.Size, TextLength = 52;

    const string Alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769";

    public NodeId(ReadOnlySpan<byte> bytes) : this(new PublicKey(bytes))
    {
    }

    /// <summary>Writes 32 bytes.</summary>
    public void Write(Span<byte> bytes) => Key.Write(bytes);

    /// <summary>Exactly the form that <see cref="ToString"/> makes; anything else is refused.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out NodeId id)
    {
        id = default;
        if (text.Length != TextLength)
            return false;
        Span<byte> bytes = stackalloc byte[Size];
        int bits = 0, held = 0, written = 0;
        foreach (var letter in text)
        {
            var value = Alphabet.IndexOf(letter, StringComparison.Ordinal);
            if (value < 0)
                return false;
            held = (held << 5) | value;
            bits += 5;
            if (bits < 8)
                continue;
            bits -= 8;
            bytes[written++] = (byte)(held >> bits);
            held &= (1 << bits) - 1;
        }
        if (held != 0)
            return false;
        id = new NodeId(bytes);
        return true;
    }

    /// <summary>Order of the bytes: the same everywhere, without a meaning.</summary>
    public int CompareTo(NodeId other)
    {
        Span<byte> mine = stackalloc byte[Size], others = stackalloc byte[Size];
        Write(mine);
        other.Write(others);
        return mine.SequenceCompareTo(others);
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        Span<char> text = stackalloc char[TextLength];
        int bits = 0, held = 0, next = 0;
        foreach (var octet in bytes)
        {
            held = (held << 8) | octet;
            bits += 8;
            while (bits >= 5)
            {
                bits -= 5;
                text[next++] = Alphabet[(held >> bits) & 31];
            }
            held &= (1 << bits) - 1;
        }
        text[next] = Alphabet[(held << (5 - bits)) & 31];
        return new string(text);
    }
}
