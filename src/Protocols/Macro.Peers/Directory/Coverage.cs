using System.Numerics;

namespace Macro.Peers;

/// <summary>
/// Which part of the network a relay holds. Up to 200 000 relays everybody holds everything. Above, the positions are cut into
/// 2^d parts of at most so many, and a relay holds the part in which it stands itself, and a few contacts in each other: the
/// top of a Kademlia tree, with buckets so large that one step leads to any shard. docs/decisions/0014.
/// </summary>
public static class Coverage
{
    /// <summary>Relays that a relay holds at most: 60 MB of descriptors.</summary>
    public const int HeldAtMost = 200_000;

    /// <summary>Contacts that a relay keeps in each part that it does not hold.</summary>
    public const int Contacts = 64;

    /// <summary>d for a network of this size.</summary>
    public static int BitsFor(long relays, int heldAtMost = HeldAtMost) =>
        relays <= heldAtMost ? 0 : Math.Min(Shard.MostBits, 64 - BitOperations.LeadingZeroCount((ulong)((relays - 1) / heldAtMost)));

    /// <summary>
    /// d, given the one so far: a relay gives a part up only when the network is a tenth larger than it must be for that, and
    /// takes more when it is a tenth smaller, so that an estimate that wavers moves nothing.
    /// </summary>
    public static int Next(int bits, long relays, int heldAtMost = HeldAtMost) =>
        BitsFor(relays * 10 / 11, heldAtMost) is var more && more > bits ? more
        : BitsFor(relays * 10 / 9, heldAtMost) is var less && less < bits ? less
        : bits;
}
