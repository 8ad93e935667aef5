using System.Runtime.CompilerServices;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// One leg from a relay onwards, opened by a client with <see cref="Extend"/>: messages of the client's session leave to
/// <see cref="NextHop"/>, and what comes back for a bound index is wrapped for the client. Until the next hop has answered,
/// only a few messages pass: a relay is no amplifier.
/// </summary>
/// <param name="reached">The next hop when it stands behind a NAT: then its endpoint may change, and <paramref name="nextHop"/> is none.</param>
public sealed class Channel(Inbound owner, uint number, Endpoint nextHop, IReachedHop? reached = null)
{
    /// <summary>Receiver indices that one channel may hold at a time.</summary>
    public const int MaxIndices = 4;

    const int MostInitiations = 5;

    // A relay has many channels: they are kept small.
    Budget _initiations, _beforeOpen;
    Held _indices;
    uint _answered;
    byte _held;
    volatile bool _isOpen, _isBound;

    [InlineArray(MaxIndices)]
    struct Held
    {
        uint _first;
    }

    public Inbound Owner { get; } = owner;

    /// <summary>Chosen by the client, unique within its session.</summary>
    public uint Number { get; } = number;

    public Endpoint NextHop => Reached is null ? nextHop : Reached.Remote;

    internal IReachedHop? Reached { get; } = reached;

    /// <summary>The next hop has answered a handshake: data may flow.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>The client has bound the index of a session that stands: it never gives way to one that nobody has answered.</summary>
    internal void Bound(uint index)
    {
        _answered = index;
        _isBound = true;
    }

    /// <summary>The next hop has sent something for a bound index: it knows the session, and data may flow.</summary>
    internal void Open() => _isOpen = true;

    /// <summary>
    /// Before the channel is open, as few data messages may pass as initiations: of a session that stands and is bound, for what they draw opens the
    /// channel; or behind an initiation, as early data.
    /// </summary>
    internal bool MayPass(Instant now) => _isOpen || ((_isBound || _held > 0) && _beforeOpen.TrySpend(now, MostInitiations));

    /// <summary>The next hop has answered the handshake of this index: it never gives way to one that nobody has answered.</summary>
    internal void Open(uint index)
    {
        _answered = index;
        _isOpen = true;
    }

    internal bool MayInitiate(Instant now) => _initiations.TrySpend(now, MostInitiations);

    internal void AddIndex(uint index) => _indices[_held++] = index;

    /// <summary>
    /// Takes the oldest index out of a full channel, but not the answered one: a renewal that nobody answers is repeated
    /// under a new index each time, and the session that stands must outlive that.
    /// </summary>
    internal bool TryGiveWay(out uint index)
    {
        index = 0;
        return _held == MaxIndices && TryTakeIndex((IsOpen || _isBound) && _indices[0] == _answered ? 1 : 0, out index);
    }

    /// <summary>Takes one index out, whichever; false when there is none.</summary>
    internal bool TryTakeIndex(out uint index) => TryTakeIndex(0, out index);

    bool TryTakeIndex(int place, out uint index)
    {
        index = 0;
        if (place >= _held)
            return false;
        Span<uint> held = _indices;
        index = held[place];
        held[(place + 1)..].CopyTo(held[place..]);
        _held--;
        return true;
    }
}
