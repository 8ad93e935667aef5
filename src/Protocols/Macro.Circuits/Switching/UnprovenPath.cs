using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// An address from which authentic datagrams of a client came, but at which it has not shown that it receives. Anybody can
/// write any source on a datagram, so nothing goes there but challenges (<see cref="PathChallenge"/>), each after a datagram
/// from there: 64 bytes for 32 or more, within the threefold of RFC 9000 8.1.
/// </summary>
sealed class UnprovenPath(Endpoint endpoint)
{
    static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);

    Instant _nextChallenge;
    volatile bool _isDue;
    ulong _token;

    public readonly Endpoint Endpoint = endpoint;

    /// <summary>A datagram came from here: whether it is time for a challenge.</summary>
    public bool IsTimeToAsk(Instant now) => now >= _nextChallenge;

    public void Ask(Instant now)
    {
        _nextChallenge = now + s_patience;
        _isDue = true;
    }

    /// <summary>Owner thread: the token to send, once for each <see cref="Ask"/>. A repeated challenge has the same.</summary>
    public bool TryTakeChallenge(IRandom random, out ulong token)
    {
        token = _token;
        if (!_isDue)
            return false;
        _isDue = false;
        while (_token == 0)
            _token = ((ulong)random.NextUInt32() << 32) | random.NextUInt32();
        token = _token;
        return true;
    }

    /// <summary>Owner thread: whether an answer proves this address.</summary>
    public bool IsAnsweredBy(ulong token) => token != 0 && token == _token;
}
