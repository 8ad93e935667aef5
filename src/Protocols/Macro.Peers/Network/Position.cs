using System.Buffers.Binary;
using System.Numerics;
using System.Security.Cryptography;

namespace Macro.Peers;

/// <summary>
/// Where a node stands among all nodes of a network during one epoch: the first 8 bytes, big-endian, of SHA-256(NodeId ||
/// R_e). Uniform, and another one in every epoch, so that nobody keeps the neighbours that he chose.
/// </summary>
public readonly record struct Position(ulong Value) : IComparable<Position>
{
    /// <param name="epochValue">R_e of the network, 32 bytes.</param>
    public static Position Of(NodeId id, ReadOnlySpan<byte> epochValue)
    {
        Span<byte> input = stackalloc byte[NodeId.Size + NetworkKey.Size];
        id.Write(input);
        epochValue[..NetworkKey.Size].CopyTo(input[NodeId.Size..]);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(input, hash);
        return new Position(BinaryPrimitives.ReadUInt64BigEndian(hash));
    }

    public static Position Of(NodeId id, NetworkKey network, uint epoch)
    {
        ArgumentNullException.ThrowIfNull(network);
        Span<byte> value = stackalloc byte[NetworkKey.Size];
        network.EpochValue(epoch, value);
        return Of(id, value);
    }

    /// <summary>The first <paramref name="bits"/> bits, 0..24.</summary>
    public Shard ShardOf(int bits) => new(bits, bits == 0 ? 0 : (uint)(Value >> (64 - bits)));

    public int CompareTo(Position other) => Value.CompareTo(other.Value);
}

/// <summary>
/// A part of the network that a client takes at once, about 64 relays: those whose <see cref="Position"/> begins with
/// these bits.
/// </summary>
public readonly record struct Shard
{
    /// <summary>Relays of a shard that one aims at.</summary>
    public const int AimedSize = 64;

    public const int MostBits = 24;

    /// <param name="bits">0..24.</param>
    /// <param name="number">Below 2^bits.</param>
    public Shard(int bits, uint number)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bits, (uint)MostBits, nameof(bits));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(number, 1u << bits);
        (Bits, Number) = (bits, number);
    }

    public int Bits { get; }

    public uint Number { get; }

    /// <summary>The first position in it.</summary>
    public ulong First => Bits == 0 ? 0 : (ulong)Number << (64 - Bits);

    /// <summary>The last position in it.</summary>
    public ulong Last => First | ulong.MaxValue >> Bits;

    public bool Contains(Position position) => position.ShardOf(Bits) == this;

    /// <summary>b = ceil(log2(N / 64)) for an estimated N relays, 0..24.</summary>
    public static int BitsFor(long relays) =>
        relays <= AimedSize ? 0 : Math.Min(MostBits, 64 - BitOperations.LeadingZeroCount((ulong)(relays - 1) / AimedSize));
}
