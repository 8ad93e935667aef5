namespace Macro.NetStack.Dns;

/// <summary>
/// What makes two questions equal: name without regard to case, type, class, and the bits DO and CD, as answers with and
/// without signatures, checked and not, are different answers. A key is the bytes of them.
/// </summary>
static class QuestionKey
{
    public const int MaxLength = DomainName.MaxLength + 5;

    /// <summary>Writes the key; returns its length.</summary>
    public static int Write(ReadOnlySpan<byte> question, bool dnssecOk, bool checkingDisabled, Span<byte> key)
    {
        var name = question.Length - 4;
        DomainName.Lower(question[..name], key);
        question[name..].CopyTo(key[name..]);
        key[name + 4] = (byte)((dnssecOk ? 1 : 0) | (checkingDisabled ? 2 : 0));
        return name + 5;
    }
}

/// <summary>Compares byte strings, of which some are on the stack.</summary>
sealed class BytesComparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
{
    public static readonly BytesComparer Instance = new();

    public bool Equals(byte[]? x, byte[]? y) => x is null ? y is null : y is not null && x.AsSpan().SequenceEqual(y);
    public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);
    public int GetHashCode(byte[] obj) => GetHashCode(obj.AsSpan());
    public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

    // HashCode has a secret of the process, so nobody can choose names that collide.
    public int GetHashCode(ReadOnlySpan<byte> alternate)
    {
        var hash = new HashCode();
        hash.AddBytes(alternate);
        return hash.ToHashCode();
    }
}
