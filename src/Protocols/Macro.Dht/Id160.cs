using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// A point of the DHT's key space: the id of a node, an info-hash, the target of an item. 160 bits, big-endian on the wire.
/// Distance is XOR (BEP 5, Kademlia 2.1).
/// </summary>
public readonly record struct Id160(ulong High, ulong Middle, uint Low) : IComparable<Id160>
{
    public const int Size = 20, Bits = 160;

    /// <param name="bytes">Exactly 20 bytes.</param>
    public static Id160 Read(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        return new(
            BinaryPrimitives.ReadUInt64BigEndian(bytes),
            BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]));
    }

    /// <summary>Writes 20 bytes.</summary>
    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[8..], Middle);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[16..], Low);
    }

    public static Id160 Random(IRandom random)
    {
        Span<byte> bytes = stackalloc byte[Size];
        random.Fill(bytes);
        return Read(bytes);
    }

    /// <summary>SHA-1, as the DHT names what it stores.</summary>
    public static Id160 HashOf(ReadOnlySpan<byte> bytes)
    {
        Span<byte> hash = stackalloc byte[Size];
        // BEP 5 and BEP 44 fix the function; nothing of ours rests on its resistance to collisions.
#pragma warning disable CA5350
        SHA1.HashData(bytes, hash);
#pragma warning restore CA5350
        return Read(hash);
    }

    public static Id160 operator ^(Id160 a, Id160 b) => new(a.High ^ b.High, a.Middle ^ b.Middle, a.Low ^ b.Low);

    /// <summary>Bits that two ids have in common from the most significant on, 0..160.</summary>
    public int CommonPrefix(Id160 other)
    {
        var distance = this ^ other;
        return distance.High != 0 ? BitOperations.LeadingZeroCount(distance.High)
            : distance.Middle != 0 ? 64 + BitOperations.LeadingZeroCount(distance.Middle)
            : 128 + BitOperations.LeadingZeroCount(distance.Low);
    }

    /// <summary>Less than zero when <paramref name="a"/> is closer to this than <paramref name="b"/>.</summary>
    public int CompareDistance(Id160 a, Id160 b) => (a ^ this).CompareTo(b ^ this);

    /// <summary>The value as a fraction of the whole space, in [0, 1).</summary>
    public double Fraction => High * Math.ScaleB(1, -64) + Middle * Math.ScaleB(1, -128);

    /// <summary>A random id that has the first <paramref name="bits"/> bits of this one and differs in the next.</summary>
    public Id160 RandomSibling(int bits, IRandom random)
    {
        Span<byte> mine = stackalloc byte[Size], other = stackalloc byte[Size];
        Write(mine);
        random.Fill(other);
        var (whole, rest) = (bits / 8, bits % 8);
        mine[..whole].CopyTo(other);
        if (whole < Size)
        {
            var kept = (byte)(0xff00 >> rest);
            var flipped = (byte)(0x80 >> rest);
            other[whole] = (byte)((mine[whole] & kept) | (~mine[whole] & flipped) | (other[whole] & ~(kept | flipped)));
        }
        return Read(other);
    }

    public int CompareTo(Id160 other)
    {
        var order = High.CompareTo(other.High);
        if (order == 0)
            order = Middle.CompareTo(other.Middle);
        return order != 0 ? order : Low.CompareTo(other.Low);
    }

    /// <summary>40 hexadecimal digits.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Id160 id)
    {
        Span<byte> bytes = stackalloc byte[Size];
        var ok = text.Length == 2 * Size && Convert.FromHexString(text, bytes, out _, out _) == System.Buffers.OperationStatus.Done;
        id = ok ? Read(bytes) : default;
        return ok;
    }

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        Write(bytes);
        return Convert.ToHexStringLower(bytes);
    }
}
