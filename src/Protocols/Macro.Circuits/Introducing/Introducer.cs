using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>
/// What a relay does for nodes behind NATs: keeps their registrations, and passes on what two of them must know of each
/// other to meet. Everything is bounded: registrations, what may lead to one of them, introductions to one and by one, and
/// the addresses in them, which are only such as the relay has seen proven.
/// </summary>
sealed class Introducer
{
    public const int MaxRegistrations = 1024, MaxPending = 1024;

    /// <summary>Introductions that one session may ask for in ten seconds.</summary>
    public const int MostAsked = 10;

    /// <summary>The asker repeats its request for so long.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    /// <summary>An introduction that the node has not answered yet.</summary>
    sealed record Pending(Inbound Asker, uint Request, Registration Target, Instant Until);

    readonly Dictionary<NodeId, Registration> _registrations = [];
    readonly Dictionary<ulong, Pending> _pending = [];

    public int Registrations => _registrations.Count;

    public IEnumerable<Endpoint> Endpoints => _registrations.Values.Select(r => r.Remote);

    public Registration? Find(NodeId node) => _registrations.GetValueOrDefault(node);

    public ControlStatus Register(Inbound session, Register request)
    {
        var node = new NodeId(request.Node.Span);
        if (session.Registration is { } own)
            return own.Node == node ? ControlStatus.Ok : ControlStatus.RefusedPolicy;
        if (!Ed25519.Verify(node.Key, Registration.Statement(session.LocalKey, session.Tunnel.Remote), request.Signature.Span))
            return ControlStatus.RefusedUnverified;
        if (!_registrations.TryGetValue(node, out var registration))
        {
            if (_registrations.Count >= MaxRegistrations)
                return ControlStatus.RefusedLoad;
            _registrations[node] = registration = new Registration(node, session);
        }
        // The node came back by another session: what led to it leads there now.
        registration.Session.Registration = null;
        (registration.Session, session.Registration) = (session, registration);
        return ControlStatus.Ok;
    }

    /// <summary>A session ends, and with it what it registered or asked for.</summary>
    public void Forget(Inbound session)
    {
        if (session.Registration is { } registration)
        {
            session.Registration = null;
            _registrations.Remove(registration.Node);
        }
        foreach (var (attempt, pending) in _pending)
            if (pending.Asker == session || pending.Target.Session == session)
                _pending.Remove(attempt);
    }

    /// <summary>Ok: the message is to be sent by the session, whose answer goes to <see cref="TryTakeAnswer"/>.</summary>
    public ControlStatus Introduce(Inbound asker, uint request, Introduce wish, Instant now, out Inbound? session, out Introduced? message)
    {
        (session, message) = (null, null);
        if (!PunchOffer.TryDecode(wish.Offer.Span, out var offer))
            return ControlStatus.BadRequest;
        if (Find(new NodeId(wish.Node.Span)) is not { } target)
            return ControlStatus.NotFound;
        if (!asker.MayIntroduce(now) || !target.MayIntroduce(now) || !HasRoom(wish.Attempt, now))
            return ControlStatus.RefusedLoad;
        if (_pending.TryGetValue(wish.Attempt, out var earlier) && (earlier.Asker != asker || earlier.Target != target))
            return ControlStatus.Busy;
        _pending[wish.Attempt] = new Pending(asker, request, target, now + s_patience);
        session = target.Session;
        message = new Introduced
        {
            Attempt = wish.Attempt,
            Key = wish.Key,
            RelayKey = wish.RelayKey,
            Offer = offer!.OnlyAt(asker.Remote.Address).Encode(),
            RoundTrip = wish.RoundTrip,
        };
        return ControlStatus.Ok;
    }

    /// <summary>A registered node answers: who asked, and what he is told.</summary>
    public bool TryTakeAnswer(Inbound session, IntroducedAnswer answer, out Inbound? asker, out uint request, out IntroduceAnswer? told)
    {
        (asker, request, told) = (null, 0, null);
        if (!_pending.TryGetValue(answer.Attempt, out var pending) || pending.Target.Session != session)
            return false;
        _pending.Remove(answer.Attempt);
        var status = PunchOffer.TryDecode(answer.Offer.Span, out var offer) ? answer.Status : ControlStatus.RefusedUnreachable;
        (asker, request) = (pending.Asker, pending.Request);
        told = new IntroduceAnswer { Status = status, Offer = offer?.OnlyAt(session.Remote.Address).Encode() };
        return true;
    }

    bool HasRoom(ulong attempt, Instant now)
    {
        if (_pending.Count < MaxPending || _pending.ContainsKey(attempt))
            return true;
        foreach (var (old, pending) in _pending)
            if (pending.Until <= now)
                _pending.Remove(old);
        return _pending.Count < MaxPending;
    }
}
