using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>96 random bits that tie a response to its request (RFC 8489 5).</summary>
public readonly record struct TransactionId(uint High, ulong Low)
{
    /// <summary>Bytes.</summary>
    public const int Size = 12;

    public static TransactionId Read(ReadOnlySpan<byte> twelve) =>
        new(BinaryPrimitives.ReadUInt32BigEndian(twelve), BinaryPrimitives.ReadUInt64BigEndian(twelve[4..]));

    public void Write(Span<byte> twelve)
    {
        BinaryPrimitives.WriteUInt32BigEndian(twelve, High);
        BinaryPrimitives.WriteUInt64BigEndian(twelve[4..], Low);
    }

    public static TransactionId New(IRandom random) => new(random.NextUInt32(), random.NextUInt64());
}
