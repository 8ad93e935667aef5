using Macro.Core;

namespace Macro.Circuits;

/// <summary>The answers to a client's control requests. All can be asked twice without harm.</summary>
public sealed partial class Relay
{
    /// <summary>Malformed control messages that a session may send before it is cut off.</summary>
    const int AbuseLimit = 16;

    void HandleControl(Inbound inbound, uint request, ReadOnlySpan<byte> body, Instant now)
    {
        switch (ControlCodec.Decode(body, out var message, out var type, out var isAnswer))
        {
            case ControlVerdict.Ok when !isAnswer:
                inbound.UnderstandsControl = true;
                if (Handle(inbound, message!, now) is { } answer)
                    Answer(inbound, request, answer, now);
                break;
            case ControlVerdict.Ok when message is PathResponse response:
                inbound.HandleResponse(response.Token);
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

    ControlAnswer? Handle(Inbound inbound, ControlMessage message, Instant now) => message switch
    {
        Hello => new HelloAnswer
        {
            Status = ControlStatus.Ok,
            Version = Hello.CurrentVersion,
            Roles = (Options.IsRelay ? 1u : 0) | (Options.IsExit ? 2u : 0),
            Mtu = (ulong)Options.Mtu,
            LoadClass = (ulong)(7L * _inbounds.Count / Math.Max(1, Options.MaxSessions)),
            Observed = inbound.Remote,
        },
        Extend extend => new StatusAnswer(ControlType.Extend) { Status = HandleExtend(inbound, extend, now) },
        Bind bind => new StatusAnswer(ControlType.Bind) { Status = HandleBind(inbound, bind) },
        OpenExit => HandleOpenExit(inbound, now),
        Probe probe => new ProbeAnswer { Status = ControlStatus.Ok, Token = probe.Token },
        Close close => HandleClose(inbound, close, now),
        DirectoryRequest request => HandleDirectory(inbound, request, now),
        _ => new StatusAnswer(message.Type) { Status = ControlStatus.Unsupported },
    };

    ControlStatus HandleExtend(Inbound inbound, Extend extend, Instant now)
    {
        if (!Options.IsRelay)
            return ControlStatus.RefusedPolicy;
        // Close takes channel 0 for the session itself.
        if (extend.Channel == 0)
            return ControlStatus.BadRequest;
        var channel = inbound.FindChannel(extend.Channel);
        if (channel is null && inbound.Channels.Length >= Inbound.MaxChannels)
            return ControlStatus.RefusedLoad;
        var verdict = _verifier.Verify(extend.Descriptor.Span, now, out var nextHop);
        if (verdict != ControlStatus.Ok)
            return verdict;
        if (channel is not null)
            return channel.NextHop == nextHop ? ControlStatus.Ok : ControlStatus.Busy;
        inbound.Add(new Channel(inbound, extend.Channel, nextHop));
        return ControlStatus.Ok;
    }

    ControlStatus HandleBind(Inbound inbound, Bind bind) =>
        inbound.FindChannel(bind.Channel) is not { } channel ? ControlStatus.NotFound
        : TryBind(channel, bind.Index) ? ControlStatus.Ok
        : ControlStatus.Busy;

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
        };
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
        _switches.UnbindAll(channel);
        inbound.Remove(channel);
        return new StatusAnswer(ControlType.Close) { Status = ControlStatus.Ok };
    }
}
