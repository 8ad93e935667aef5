using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// What the asker of an introduction remembers until the answer: the key of this attempt, which nobody sees twice, and the
/// offer that it made.
/// </summary>
public sealed class Introduction
{
    readonly PrivateKey _key;
    readonly PublicKey _relayKey;
    readonly PunchOffer _offer;

    /// <param name="relayKey">Of the node that is to be met.</param>
    /// <param name="introducer">Round trip to the introducer.</param>
    internal Introduction(NodeId node, PublicKey relayKey, PunchOffer offer, TimeSpan introducer, ulong attempt, IRandom random)
    {
        (_key, _relayKey, _offer) = (PrivateKey.Generate(random), relayKey, offer);
        var id = new byte[NodeId.Size];
        node.Write(id);
        Request = new Introduce
        {
            Node = id,
            Attempt = attempt,
            Key = _key.PublicKey.ToArray(),
            RelayKey = relayKey.ToArray(),
            Offer = offer.Encode(),
            RoundTrip = (ulong)introducer.TotalMilliseconds,
        };
    }

    public Introduce Request { get; }

    /// <summary>The answer is there: both sides begin. Null when it is none, or when there are too many paths.</summary>
    internal DirectPath? Begin(ControlAnswer answer, Puncher puncher, object context, Instant now)
    {
        using (_key)
            return answer is IntroduceAnswer { Status: ControlStatus.Ok } met && PunchOffer.TryDecode(met.Offer.Span, out var peer)
                ? puncher.TryBegin(Request.Attempt, isInitiator: true, _key, _relayKey, _offer, peer!, now, Instant.Never, context)
                : null;
    }
}
