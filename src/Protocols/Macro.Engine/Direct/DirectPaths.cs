using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// The direct paths of a node: those that it looks for and those that others look for to it. Takes disco datagrams, answers
/// introductions, and sends what the punches want sent. A state machine of one owner thread.
/// </summary>
public sealed class DirectPaths(Outbox outbox, IRandom random)
{
    /// <summary>A path that was made for somebody else is forgotten after so long, whatever becomes of it.</summary>
    static readonly TimeSpan s_longest = TimeSpan.FromHours(24);

    const int MostSpare = 4096;

    readonly Queue<SpareDatagram> _spare = new();

    public Puncher Puncher { get; } = new(random);

    /// <summary>
    /// What this node says of itself just now; null while it does not know. Whoever asks comes again 250 ms later then, so a
    /// fresh look is worth it where ports are counted up.
    /// </summary>
    public Func<Instant, PunchOffer?> Offer { get; set; } = _ => null;

    public Instant NextTimeout => Puncher.NextTimeout;

    /// <summary>A disco datagram of one of the node's sockets.</summary>
    /// <param name="socket">0: the node's port; else one that a punch asked for.</param>
    /// <returns>The path, whose use may have changed; null when it is nobody's.</returns>
    public DirectPath? HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, int socket, Instant now)
    {
        var path = Puncher.Handle(datagram, source, socket, now);
        Flush(now);
        return path;
    }

    /// <summary>One path whose use may have changed. Repeat until null.</summary>
    public DirectPath? HandleTimeout(Instant now)
    {
        var path = Puncher.HandleTimeout(now);
        Flush(now);
        return path;
    }

    /// <summary>Somebody wants to meet this node. Null: not yet, ask again.</summary>
    /// <param name="introducer">Round trip to the introducer that says so.</param>
    /// <param name="key">The relay key that the other knows; null when it is none of ours.</param>
    public IntroducedAnswer? Meet(Introduced message, TimeSpan introducer, PrivateKey? key, Instant now)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (key is null || !PunchOffer.TryDecode(message.Offer.Span, out var peer))
            return new IntroducedAnswer { Status = ControlStatus.RefusedUnverified, Attempt = message.Attempt };
        if (Offer(now) is not { } own)
            return null;
        // The answer is at the asker after half a round trip to the introducer and half of his.
        var wait = (introducer + TimeSpan.FromMilliseconds(Math.Min(message.RoundTrip, 2000))) / 2;
        if (!Puncher.Knows(message.Attempt)
            && Puncher.TryBegin(message.Attempt, isInitiator: false, key, new PublicKey(message.Key.Span), own, peer!, now + wait, now + s_longest) is null)
            return new IntroducedAnswer { Status = ControlStatus.RefusedLoad, Attempt = message.Attempt };
        Flush(now);
        return new IntroducedAnswer { Status = ControlStatus.Ok, Attempt = message.Attempt, Offer = own.Encode() };
    }

    /// <summary>What to ask an introducer for, to meet a node. Null: not yet.</summary>
    public Introduction? Prepare(NodeId node, PublicKey relayKey, TimeSpan introducer, Instant now) =>
        Offer(now) is { } own ? new Introduction(node, relayKey, own, introducer, Puncher.DrawAttempt(), random) : null;

    /// <summary>The introducer has answered.</summary>
    /// <param name="context">The path's: see <see cref="DirectPath.Context"/>.</param>
    public DirectPath? Begin(Introduction introduction, ControlAnswer answer, object context, Instant now)
    {
        ArgumentNullException.ThrowIfNull(introduction);
        var path = introduction.Begin(answer, Puncher, context, now);
        Flush(now);
        return path;
    }

    /// <summary>A datagram that must leave by a socket of its own.</summary>
    public bool TryTakeSpare(out SpareDatagram datagram) => _spare.TryDequeue(out datagram);

    void Flush(Instant now)
    {
        while (Puncher.TryTake(now, out var path, out var datagram))
        {
            if (datagram.Socket == 0)
                outbox.Send(datagram.Bytes, datagram.To);
            else if (_spare.Count < MostSpare)
                _spare.Enqueue(new SpareDatagram(new SpareSocket(path.Attempt, datagram.Socket), datagram.To, datagram.Bytes));
        }
    }
}
