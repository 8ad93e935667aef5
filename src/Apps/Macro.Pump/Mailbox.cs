using Macro.Core;

namespace Macro.Pump;

/// <summary>How much of the mailbox a letter may have.</summary>
public enum LetterRank
{
    /// <summary>What anybody may send without end, and what can be done without: a sixteenth.</summary>
    Lesser,

    /// <summary>Datagrams of sessions and of those who begin one: all but an eighth.</summary>
    Ordinary,

    /// <summary>What must arrive.</summary>
    Urgent,
}

/// <summary>What a pump hands to the owner: some bytes, where they came from, and a word and an object that say what they are.</summary>
public readonly ref struct Letter()
{
    public int Kind { get; init; }
    public LetterRank Rank { get; init; } = LetterRank.Ordinary;
    public object? Subject { get; init; }
    public Endpoint Remote { get; init; }
    public ReadOnlySpan<byte> Bytes { get; init; }
}

/// <summary>
/// A bounded queue of letters in slots that are used again: posting copies and allocates nothing once warm, and never waits
/// for the reader. Any thread posts; one thread takes.
/// </summary>
sealed class Mailbox(int capacity)
{
    /// <summary>A flood leaves slots to letters of a higher rank, and makes them wait no longer than its own few take.</summary>
    readonly int _open = capacity - capacity / 8, _lesser = capacity / 16;

    readonly Slot[] _slots = new Slot[capacity];
    byte[] _taken = new byte[2048];
    int _first;
    int _count;
    int _lesserCount;

    internal int Count => Volatile.Read(ref _count);

    /// <summary>False when full. Called under the owner's lock.</summary>
    internal bool TryPost(in Letter letter)
    {
        if (_count >= (letter.Rank == LetterRank.Urgent ? capacity : _open) || (letter.Rank == LetterRank.Lesser && _lesserCount >= _lesser))
            return false;
        ref var slot = ref _slots[(_first + _count) % capacity];
        if (slot.Bytes is null || slot.Bytes.Length < letter.Bytes.Length)
            slot.Bytes = new byte[Math.Max(256, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)letter.Bytes.Length))];
        letter.Bytes.CopyTo(slot.Bytes);
        (slot.Length, slot.Kind, slot.Rank, slot.Subject, slot.Remote) = (letter.Bytes.Length, letter.Kind, letter.Rank, letter.Subject, letter.Remote);
        _count++;
        _lesserCount += letter.Rank == LetterRank.Lesser ? 1 : 0;
        return true;
    }

    /// <summary>The oldest letter; its bytes are good until the next call. Called under the owner's lock.</summary>
    internal bool TryTake(out Letter letter)
    {
        letter = default;
        if (_count == 0)
            return false;
        ref var slot = ref _slots[_first];
        // The slot gets the buffer of the letter before in exchange.
        (_taken, slot.Bytes) = (slot.Bytes!, _taken);
        letter = new Letter { Kind = slot.Kind, Rank = slot.Rank, Subject = slot.Subject, Remote = slot.Remote, Bytes = _taken.AsSpan(0, slot.Length) };
        slot.Subject = null;
        _first = (_first + 1) % capacity;
        _count--;
        _lesserCount -= slot.Rank == LetterRank.Lesser ? 1 : 0;
        return true;
    }

    struct Slot
    {
        internal byte[]? Bytes;
        internal int Length;
        internal int Kind;
        internal LetterRank Rank;
        internal object? Subject;
        internal Endpoint Remote;
    }
}
