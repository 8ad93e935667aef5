using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Early data: the <see cref="Extend"/> of a client and what it has for the next hop, or its <see cref="OpenExit"/>, right behind its initiation, so
/// that a circuit takes one round trip. Nothing else is taken early, for it can be read by whoever gets the relay's key later, and
/// comes from an address that is not proven. What it draws goes back in the new session, and is no longer than it was.
/// </summary>
public sealed partial class Relay
{
    readonly EarlyData _early = new();
    readonly byte[] _opened = new byte[2048];

    void HandleEarly(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (!Message.TryReadReceiver(datagram, out var index) || _early.Find(index) is not { Early: { } key } inbound || inbound.Remote != source)
        {
            Counters.Unknown++;
            return;
        }
        if (datagram.Length > CircuitMtu.Datagram)
        {
            Counters.Malformed++;
            return;
        }
        var copy = _opened.AsSpan(0, datagram.Length);
        datagram.CopyTo(copy);
        if (!key.TryOpen(copy, out var payload))
        {
            Counters.Forged++;
            return;
        }
        if (!inbound.IsEarly)
        {
            if (!_early.IsFirst(inbound.Tunnel.Remote, now))
            {
                _early.Forget(inbound);
                Counters.Replayed++;
                return;
            }
            inbound.IsEarly = true;
            inbound.Tunnel.AnswerEarly();
            Counters.Early++;
        }
        inbound.Owe(datagram.Length);
        HandleEarly(inbound, payload, isFirst: Message.ReadCounter(datagram) == 0, now);
    }

    /// <param name="isFirst">It alone may ask for something, so that a stranger has one descriptor verified and not eight.</param>
    void HandleEarly(Inbound inbound, ReadOnlySpan<byte> payload, bool isFirst, Instant now)
    {
        if (!Frame.TryRead(payload, out var frame))
        {
            Counters.Malformed++;
            return;
        }
        var body = payload.Slice(Frame.HeaderSize, frame.Length);
        if (frame.Type == FrameType.Forward && Message.TryReadType(body, out var type))
        {
            if (type == MessageType.Data)
                PassEarly(inbound, frame.Channel, body, now);
            else
                SwitchInitiation(inbound, frame.Channel, body, now);
        }
        else if (isFirst && frame.Type == FrameType.Control && ControlCodec.Decode(body, out var message, out _, out _) == ControlVerdict.Ok && message is Extend or OpenExit)
        {
            // It is asked again in the session.
            if (message is OpenExit && Leases is { IsScarce: true })
                return;
            Pad(inbound, frame, payload.Length);
            if (Handle(inbound, frame.Channel, message, now) is { } reply)
                Answer(inbound, frame.Channel, reply, now);
        }
        else
            Counters.Malformed++;
    }

    /// <summary>Early data for the next hop, behind the initiation that went there.</summary>
    void PassEarly(Inbound inbound, uint number, ReadOnlySpan<byte> message, Instant now)
    {
        if (inbound.FindChannel(number) is { NextHop: { IsNone: false } nextHop } channel && channel.MayPass(now))
            _outbox.Send(message, nextHop);
        else
            Counters.Unroutable++;
    }
}
