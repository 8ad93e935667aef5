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

    const int InitiationsPerWindow = 5;
    static readonly TimeSpan s_window = TimeSpan.FromSeconds(10);

    volatile bool _isOpen;
    Instant _windowStart;
    int _initiations;

    public Inbound Owner { get; } = owner;

    /// <summary>Chosen by the client, unique within its session.</summary>
    public uint Number { get; } = number;

    public Endpoint NextHop { get; } = nextHop;

    /// <summary>The next hop has answered a handshake: data may flow.</summary>
    public bool IsOpen => _isOpen;

    internal Queue<uint> Indices { get; } = new(MaxIndices + 1);

    internal void Open() => _isOpen = true;

    /// <summary>Counts one initiation; false when the window's budget is used up.</summary>
    internal bool MayInitiate(Instant now)
    {
        if (now - _windowStart >= s_window)
            (_windowStart, _initiations) = (now, 0);
        return ++_initiations <= InitiationsPerWindow;
    }
}
