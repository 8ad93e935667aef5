using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// The X25519 keys under which a relay answers handshakes (its WireGuard static keys). A key is announced one life ahead
/// as the next, is in use for 24 h, and is accepted until 48 h after its first use. Not thread-safe; owns its keys and
/// wipes each when it goes.
/// </summary>
public sealed class RelayKeys : IDisposable
{
    /// <summary>How long a key is the one in the descriptor.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromHours(24);

    /// <summary>How long after its first use a handshake under it is accepted.</summary>
    public static readonly TimeSpan Acceptance = TimeSpan.FromHours(48);

    internal RelayKeys(PrivateKey current, Instant currentSince, PrivateKey next, PrivateKey? previous, Instant previousUntil)
    {
        Current = current;
        CurrentSince = currentSince;
        Next = next;
        Previous = previous;
        PreviousUntil = previousUntil;
    }

    /// <summary>The key of the descriptor.</summary>
    public PrivateKey Current { get; private set; }

    /// <summary>Announced, and accepted already: a client with a descriptor from just before the rotation will use it.</summary>
    public PrivateKey Next { get; private set; }

    /// <summary>Accepted until <see cref="PreviousUntil"/>, or null.</summary>
    public PrivateKey? Previous { get; private set; }

    public Instant CurrentSince { get; private set; }

    public Instant PreviousUntil { get; private set; }

    /// <summary>When <see cref="Rotate"/> has something to do next.</summary>
    public Instant NextTimeout => Previous is null ? CurrentSince + Life : Instant.Min(CurrentSince + Life, PreviousUntil);

    public static RelayKeys Generate(IRandom random, Instant now) =>
        new(PrivateKey.Generate(random), now, PrivateKey.Generate(random), null, Instant.UnixEpoch);

    /// <summary>
    /// Does what the time asks for: forgets a previous key that is too old, puts the next key into use. True when anything
    /// changed: store the keys, sign a new descriptor. After a sleep longer than two lives all keys are new, because the
    /// announced ones outlived their descriptors.
    /// </summary>
    public bool Rotate(Instant now, IRandom random)
    {
        // A clock that was set back far: the key would stay for as long as the clock was wrong.
        if (now < CurrentSince - Life || now >= CurrentSince + Life + Life)
        {
            Replace(PrivateKey.Generate(random), now, PrivateKey.Generate(random), null, Instant.UnixEpoch);
            return true;
        }
        if (now >= CurrentSince + Life)
        {
            Advance(CurrentSince + Life, random, now);
            return true;
        }
        if (Previous is null || now < PreviousUntil)
            return false;
        Previous.Dispose();
        Previous = null;
        return true;
    }

    /// <summary>Puts the next key into use before its time. The key in use becomes the previous one and is still accepted.</summary>
    public void RotateNow(Instant now, IRandom random) => Advance(now, random, now);

    /// <summary>Copies of all keys that a handshake may name now, the current first. They belong to the caller.</summary>
    public IReadOnlyList<PrivateKey> CopyAccepted(Instant now)
    {
        var keys = new List<PrivateKey> { PrivateKey.FromBytes(Current.Span), PrivateKey.FromBytes(Next.Span) };
        if (Previous is not null && now < PreviousUntil)
            keys.Add(PrivateKey.FromBytes(Previous.Span));
        return keys;
    }

    public void Dispose()
    {
        Current.Dispose();
        Next.Dispose();
        Previous?.Dispose();
    }

    void Advance(Instant since, IRandom random, Instant now)
    {
        var until = Instant.Min(CurrentSince + Acceptance, now + Life);
        Previous?.Dispose();
        Previous = Current;
        PreviousUntil = until;
        Current = Next;
        CurrentSince = since;
        Next = PrivateKey.Generate(random);
    }

    void Replace(PrivateKey current, Instant since, PrivateKey next, PrivateKey? previous, Instant until)
    {
        Dispose();
        (Current, CurrentSince, Next, Previous, PreviousUntil) = (current, since, next, previous, until);
    }
}
