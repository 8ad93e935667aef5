using Macro.Core;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>The answers to a client's control requests. All can be asked twice without harm.</summary>
public sealed partial class Relay
{
    /// <summary>Malformed or forged control messages that a session may send before it is cut off.</summary>
    const int AbuseLimit = 16;

    void HandleControl(Inbound inbound, uint request, ReadOnlySpan<byte> body, Endpoint source, Instant now)
    {
        switch (ControlCodec.Decode(body, out var message, out var type, out var isAnswer))
        {
            case ControlVerdict.Ok when message is Probe { Report: { } theirs } probe && inbound.HandleReport(theirs, source, now) is { } report:
                SendFrame(
                    inbound, FrameType.Control, request,
                    ControlCodec.Encode(new ProbeAnswer { Status = ControlStatus.Ok, Token = probe.Token, Report = report }), source, now);
                break;
            case ControlVerdict.Ok when !isAnswer:
                inbound.UnderstandsControl = true;
                if (Handle(inbound, request, message!, now) is { } reply)
                    Answer(inbound, request, reply, now);
                break;
            case ControlVerdict.Ok when message is PathResponse response:
                inbound.HandleResponse(response, _reorder, now);
                break;
            case ControlVerdict.Ok when message is IntroducedAnswer answer:
                if (_introducer.TryTakeAnswer(inbound, answer, out var asker, out var asked, out var told))
                    Answer(asker!, asked, told!, now);
                break;
            case ControlVerdict.Unknown when !isAnswer:
                Answer(inbound, request, new StatusAnswer(type) { Status = ControlStatus.Unsupported }, now);
                break;
            case ControlVerdict.Malformed:
                if (!CountAbuse(inbound, now))
                    Answer(inbound, request, new StatusAnswer(type) { Status = ControlStatus.BadRequest }, now);
                break;
            case var _:
                break;
        }
    }

    /// <summary>True when that was once too often and the session is gone.</summary>
    bool CountAbuse(Inbound inbound, Instant now)
    {
        Counters.Malformed++;
        if (++inbound.Abuse <= AbuseLimit)
            return false;
        Remove(inbound, now);
        return true;
    }

    ControlAnswer? Handle(Inbound inbound, uint request, ControlMessage message, Instant now) => message switch
    {
        Hello => new HelloAnswer
        {
            Status = ControlStatus.Ok,
            Version = Hello.CurrentVersion,
            Roles = (Options.IsRelay ? 1u : 0) | (Options.IsExit ? 2u : 0),
            Mtu = (ulong)Options.Mtu,
            LoadClass = (ulong)(7L * _inbounds.Count / Math.Max(1, Options.MaxSessions)),
            Observed = TcpEndpoint.Is(inbound.Remote) ? default : inbound.Remote,
        },
        Extend extend => HandleExtend(inbound, request, extend, now) is { } status ? new StatusAnswer(ControlType.Extend) { Status = status } : null,
        Bind bind => new StatusAnswer(ControlType.Bind) { Status = HandleBind(inbound, bind) },
        OpenExit => HandleOpenExit(inbound, now),
        Probe probe => new ProbeAnswer { Status = ControlStatus.Ok, Token = probe.Token },
        Cover cover => HandleCover(inbound, cover, now),
        Close close => HandleClose(inbound, close, now),
        DirectoryRequest question => HandleDirectory(inbound, question, now),
        Register register => HandleRegister(inbound, register, now) is { } status ? new StatusAnswer(ControlType.Register) { Status = status } : null,
        Introduce introduce => HandleIntroduce(inbound, request, introduce, now),
        _ => new StatusAnswer(message.Type) { Status = ControlStatus.Unsupported },
    };

    ControlStatus? HandleExtend(Inbound inbound, uint request, Extend extend, Instant now)
    {
        if (!Options.IsRelay)
            return ControlStatus.RefusedPolicy;
        // Close takes channel 0 for the session itself.
        if (extend.Channel == 0)
            return ControlStatus.BadRequest;
        var channel = inbound.FindChannel(extend.Channel);
        if (channel is null && inbound.Channels.Length >= Inbound.MaxChannels)
            return ControlStatus.RefusedLoad;
        var verdict = Verify(inbound, extend.Descriptor, now, out var next);
        if (verdict != ControlStatus.Ok)
            return verdict;
        IReachedHop? reached = null;
        if (next.Endpoint.IsNone)
        {
            verdict = Reach(inbound, request, extend, next, now, out reached);
            if (verdict != ControlStatus.Ok)
                return verdict;
        }
        if (channel is not null)
            return channel.NextHop == (reached?.Remote ?? next.Endpoint) ? ControlStatus.Ok : ControlStatus.Busy;
        return Open(inbound, extend.Channel, next.Endpoint, reached);
    }

    /// <summary>Null: the session is gone, for that was one forgery too many.</summary>
    ControlStatus? Verify(Inbound inbound, ReadOnlyMemory<byte> descriptor, Instant now, out NextHop next)
    {
        var status = _checks.Verify(inbound, descriptor.Span, now, out next);
        return status == ControlStatus.RefusedUnverified && CountAbuse(inbound, now) ? null : status;
    }

    static ControlStatus Open(Inbound inbound, uint number, Endpoint nextHop, IReachedHop? reached)
    {
        if (reached?.Channels >= INeighbours.MaxChannels || inbound.Channels.Length >= Inbound.MaxChannels)
            return ControlStatus.RefusedLoad;
        if (reached is not null)
            reached.Channels++;
        inbound.Add(new Channel(inbound, number, nextHop, reached));
        return ControlStatus.Ok;
    }

    /// <summary>A next hop behind a NAT: registered here, or met through an introducer. Null: the answer comes later.</summary>
    ControlStatus? Reach(Inbound inbound, uint request, Extend extend, in NextHop next, Instant now, out IReachedHop? reached)
    {
        reached = _introducer.Find(next.Id);
        if (reached is not null)
            return ControlStatus.Ok;
        // Nobody is met for a stranger: the client asks again in its session.
        if (!inbound.IsProven)
            return null;
        if (Neighbours is null || extend.Introducer.IsEmpty)
            return ControlStatus.RefusedUnreachable;
        var verdict = Verify(inbound, extend.Introducer, now, out var introducer);
        if (verdict != ControlStatus.Ok)
            return verdict;
        if (introducer.Endpoint.IsNone || next.Introducers?.Contains(introducer.Id) != true)
            return ControlStatus.RefusedUnreachable;
        // Meeting somebody costs initiations, too: no session may ask for more of them than it may send.
        if (!inbound.MayInitiate(now))
            return ControlStatus.RefusedLoad;
        verdict = Neighbours.Reach(next, introducer, now, out reached);
        if (verdict != ControlStatus.Busy)
            return verdict;
        return _waiting.TryAdd(inbound, request, extend.Channel, next.Id, now) ? null : ControlStatus.RefusedLoad;
    }

    /// <summary>A next hop that was being met has been, or could not be: null.</summary>
    public void HandleReached(NodeId node, IReachedHop? hop, Instant now)
    {
        while (_waiting.TryTake(node, out var waiting))
        {
            if (!IsServed(waiting.Inbound))
                continue;
            var status = hop is null ? ControlStatus.RefusedUnreachable
                : waiting.Inbound.FindChannel(waiting.Channel) is not null ? ControlStatus.Ok
                : Open(waiting.Inbound, waiting.Channel, default, hop);
            Answer(waiting.Inbound, waiting.Request, new StatusAnswer(ControlType.Extend) { Status = status }, now);
            if (status == ControlStatus.Ok && waiting.Initiation is { } initiation)
                SwitchInitiation(waiting.Inbound, waiting.Channel, initiation, now);
        }
    }

    ControlStatus? HandleRegister(Inbound inbound, Register register, Instant now)
    {
        if (!Options.IsRelay)
            return ControlStatus.RefusedPolicy;
        if (inbound.Registration is null && !_checks.MayCheck(inbound, now))
            return ControlStatus.RefusedLoad;
        var status = _introducer.Register(inbound, register);
        return status == ControlStatus.RefusedUnverified && CountAbuse(inbound, now) ? null : status;
    }

    /// <summary>The answer comes when the node has said how it may be met.</summary>
    StatusAnswer? HandleIntroduce(Inbound inbound, uint request, Introduce introduce, Instant now)
    {
        var status = _introducer.Introduce(inbound, request, introduce, now, out var session, out var message);
        if (status != ControlStatus.Ok)
            return new StatusAnswer(ControlType.Introduce) { Status = status };
        SendFrame(session!, FrameType.Control, 0, ControlCodec.Encode(message!), session!.Remote, now);
        return null;
    }

    ControlStatus HandleBind(Inbound inbound, Bind bind)
    {
        if (inbound.FindChannel(bind.Channel) is not { } channel)
            return ControlStatus.NotFound;
        if (!TryBind(channel, bind.Index))
            return ControlStatus.Busy;
        channel.Bound(bind.Index);
        return ControlStatus.Ok;
    }

    ControlAnswer HandleOpenExit(Inbound inbound, Instant now)
    {
        if (!Options.IsExit)
            return new StatusAnswer(ControlType.OpenExit) { Status = ControlStatus.RefusedPolicy };
        if (!OpenLease(inbound, now))
            return new StatusAnswer(ControlType.OpenExit) { Status = ControlStatus.RefusedLoad };
        return new OpenExitAnswer
        {
            Status = ControlStatus.Ok,
            V4 = Options.ExitV4,
            V6 = Options.ExitV6,
            Region = Options.Region,
            Policy = Options.PolicySummary,
            Mtu = CircuitMtu.Inner,
            Paths = PathScheduler<Endpoint>.Most,
        };
    }

    /// <summary>Cover is the first to go: a relay that is half full, or that pays for its bytes, gives none.</summary>
    ControlAnswer HandleCover(Inbound inbound, Cover cover, Instant now)
    {
        inbound.Cover = null;
        if (cover.Budget == 0)
            return new CoverAnswer { Status = ControlStatus.Ok };
        if (cover.Machine != Cover.Bursts)
            return new StatusAnswer(ControlType.Cover) { Status = ControlStatus.Unsupported };
        if (inbound.Tunnel.PadTo == 0)
            return new StatusAnswer(ControlType.Cover) { Status = ControlStatus.RefusedPolicy };
        if (Options.CoverLimit == 0 || _inbounds.Count > Options.MaxSessions / 2)
            return new StatusAnswer(ControlType.Cover) { Status = ControlStatus.RefusedLoad };
        var budget = Math.Min((ulong)Options.CoverLimit, cover.Budget);
        inbound.Cover = new CoverMachine((long)budget, inbound.Tunnel.PadTo + Message.DataOverhead, _random, now);
        return new CoverAnswer { Status = ControlStatus.Ok, Budget = budget };
    }

    ControlAnswer? HandleDirectory(Inbound inbound, DirectoryRequest request, Instant now)
    {
        if (Directory is null)
            return new StatusAnswer(ControlType.Directory) { Status = ControlStatus.Unsupported };
        var status = Directory.Answer(request.Body.Span, now, out var body);
        if (status == ControlStatus.Ok)
            return new DirectoryAnswer { Status = status, Body = body };
        if (status == ControlStatus.BadRequest && CountAbuse(inbound, now))
            return null;
        return new StatusAnswer(ControlType.Directory) { Status = status };
    }

    StatusAnswer? HandleClose(Inbound inbound, Close close, Instant now)
    {
        // Channel 0 is the session itself. No answer then: there is nobody left to send it.
        if (close.Channel == 0)
        {
            Remove(inbound, now);
            return null;
        }
        if (inbound.FindChannel(close.Channel) is not { } channel)
            return new StatusAnswer(ControlType.Close) { Status = ControlStatus.NotFound };
        Remove(channel);
        return new StatusAnswer(ControlType.Close) { Status = ControlStatus.Ok };
    }
}
