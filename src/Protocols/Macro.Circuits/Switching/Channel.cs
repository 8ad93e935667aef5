using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// One leg from a relay onwards, opened by a client with <see cref="Extend"/>: messages of the client's session leave to
/// <see cref="NextHop"/>, and what comes back for a bound index is wrapped for the client. Until the next hop has answered,
/// only a few handshake initiations pass: a relay is no amplifier.
/// </summary>
public sealed class Channel(Inbound owner, uint number, Endpoint nextHop)
{
    /// <summary>Receiver indices that one channel may hold at a time.</summary>
    public const int MaxIndices = 4;

    readonly Budget _initiations = new(5, TimeSpan.FromSeconds(10));
    volatile bool _isOpen;

    public Inbound Owner { get; } = owner;

    /// <summary>Chosen by the client, unique within its session.</summary>
    public uint Number { get; } = number;

    public Endpoint NextHop { get; } = nextHop;

    /// <summary>The next hop has answered a handshake: data may flow.</summary>
    public bool IsOpen => _isOpen;

    internal Queue<uint> Indices { get; } = new(MaxIndices + 1);

    /// <summary>The index that the next hop answered last: it never gives way to one that nobody has answered.</summary>
    internal uint? Answered { get; private set; }

    /// <summary>The next hop has answered the handshake of this index.</summary>
    internal void Open(uint index)
    {
        Answered = index;
        _isOpen = true;
    }

    internal bool MayInitiate(Instant now) => _initiations.TrySpend(now);
}
