using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// The handshakes of a circuit, one after the other or all in one flight: what would follow the answer of a hop, <see cref="Extend"/> and the
/// initiation for the next one, or of an exit <see cref="OpenExit"/>, goes as early data right behind its initiation, so that the whole circuit is
/// ready after one round trip to its last hop. Only behind first handshakes: where something is lost, or a relay does not take it, the circuit goes on
/// hop by hop. Documented in docs/protocol/early.md.
/// </summary>
public sealed partial class Circuit
{
    // As many as a relay lets pass in the time of a build.
    const int HopAttempts = 5;
    static readonly TimeSpan s_entryPatience = TimeSpan.FromSeconds(1);
    static readonly TimeSpan s_leastPatience = TimeSpan.FromMilliseconds(500);
    static readonly TimeSpan s_mostPatience = TimeSpan.FromMilliseconds(1500);

    /// <summary>Its answer to what it was asked early follows a hop's response at once. Else the hop took the handshake and not what came behind it.</summary>
    static readonly TimeSpan s_leastGrace = TimeSpan.FromMilliseconds(25);

    /// <summary>Nobody answers early data with more than came: as long as what an exit has to say.</summary>
    const int EarlyRoom = 160;

    static readonly OpenExit s_openExit = new() { V4 = true, V6 = true };

    bool _goesEarly;

    void Connect(int index, Instant now)
    {
        var hop = Hops[index];
        if (index > 0)
            Ask(Hops[index - 1], new Extend { Channel = Hops[index - 1].NextChannel, Descriptor = hop.Target.Descriptor, Introducer = hop.Target.Introducer }, now);
        StartHandshake(hop, now);
        ConnectEarly(index + 1, now);
    }

    void Reconnect(int index, Instant now)
    {
        if (State != CircuitState.Building || index != _reached + 1 || index >= Hops.Length)
            return;
        if (Hops[index].Attempts >= HopAttempts)
        {
            Fail(index, "no answer to the handshake", now);
            return;
        }
        LeaveFlight(index);
        Hops[index].Restart();
        _patience = Longest(_patience, Shortest(1.5 * _patience, s_mostPatience));
        StartHandshake(Hops[index], now);
    }

    void StartHandshake(Hop hop, Instant now)
    {
        hop.Tunnel.Initiate(now);
        _hopStarted = now;
        _hopDeadline = now + _patience;
        Drive(hop, now);
    }

    void HopReached(Hop hop, Instant now)
    {
        if (State != CircuitState.Building || hop.Index != _reached + 1)
            return;
        (_reached, _isLate) = (hop.Index, false);
        _progressAt = now;
        hop.Health.Heard();
        // The next one is a leg further away.
        LastRoundTrip = now - _hopStarted;
        hop.Health.Expect(LastRoundTrip);
        _patience = Longest(s_leastPatience, 3 * LastRoundTrip);
        if (hop.Index == 0)
            Ask(hop, new Hello { Version = Hello.CurrentVersion }, now);
        else
            SettleEarly(Hops[hop.Index - 1]);
        if (hop == Exit)
            ReachedAt = now;
        if (hop.IsEarly)
            AwaitEarly(now);
        else
            GoOn(hop, now);
    }

    /// <summary>What follows when a hop has answered its handshake, and nothing early was taken by it.</summary>
    void GoOn(Hop hop, Instant now)
    {
        if (hop != Exit)
        {
            Connect(hop.Index + 1, now);
            return;
        }
        _hopDeadline = Instant.Never;
        if (Goal == CircuitGoal.Exit)
            Ask(hop, s_openExit, now);
        else if (Goal == CircuitGoal.Registration)
            Register(hop, now);
        else if (Goal == CircuitGoal.Path)
            ReachExit(hop, now);
        else
            State = CircuitState.Ready;
    }

    /// <summary>
    /// The patience for the circuit is over. A hop for which half of it went by in silence is not slow but late: the circuit goes on to its end without hurry, so that it is known
    /// whether that hop is dead, and its owner begins another. A path fails at once, for a circuit waits for it.
    /// </summary>
    void EndPatience(Instant now)
    {
        var isSilent = !_isHurried || _isLate || now - _progressAt >= (_buildDeadline - _startedAt) / 2;
        RanOutOfPatience |= _isHurried;
        if (isSilent && !_isLate)
            Awaited.Health.Missed(_hopStarted, now);
        if (_isHurried && isSilent && Goal == CircuitGoal.Exit)
        {
            (_isLate, _isHurried, _buildDeadline) = (true, false, _startedAt + s_buildTimeout);
            return;
        }
        // The last relay of a path may have answered, and the exit's session has no index for it yet.
        isSilent &= !_isHurried || HopsReached < Hops.Length;
        Fail(Awaited.Index, "no answer in time", now, isSilent ? CircuitFailureKind.Silent : CircuitFailureKind.Late);
    }

    /// <summary>Begins the handshake with a hop together with that of the one before, if that takes early data; an exit is asked to be one.</summary>
    void ConnectEarly(int index, Instant now)
    {
        if (!_goesEarly || Hops[index - 1] is not { Attempts: 1, Target.TakesEarly: true } before)
            return;
        if (index == Hops.Length && Goal == CircuitGoal.Exit)
        {
            before.IsEarly = true;
            Ask(before, s_openExit, now);
        }
        else if (index < Hops.Length && Hops[index].Target is { Introducer.IsEmpty: true, Endpoint.IsNone: false })
        {
            before.IsEarly = before.KnowsNext = true;
            Connect(index, now);
        }
    }

    /// <summary>Lengthens a frame by the padding that its payload may have.</summary>
    ReadOnlySpan<byte> MakeRoom(ReadOnlySpan<byte> frame)
    {
        var padded = _frame.AsSpan(0, Math.Max(frame.Length, EarlyRoom));
        padded[frame.Length..].Clear();
        return padded;
    }

    /// <summary>A hop has answered; what went early to it is on its way already, if it was taken.</summary>
    void AwaitEarly(Instant now) => _hopDeadline = now + Longest(s_leastGrace, LastRoundTrip / 4);

    /// <summary>Nothing is awaited any more of what went early to it.</summary>
    static void SettleEarly(Hop hop)
    {
        hop.IsEarly = false;
        hop.Requests.Forget(ControlType.Extend);
        hop.Requests.Forget(ControlType.OpenExit);
    }

    void HandleTaken(Hop hop, Instant now)
    {
        hop.IsEarly = false;
        if (State == CircuitState.Building && hop.Index == _reached)
            _hopDeadline = now + _patience;
    }

    /// <summary>True when the last hop that answered has not taken what went early to it: it goes on from there as if there had been no flight.</summary>
    bool TryTelescope(Instant now)
    {
        if (_reached < 0 || !Hops[_reached].IsEarly)
            return false;
        LeaveFlight(_reached);
        SettleEarly(Hops[_reached]);
        GoOn(Hops[_reached], now);
        return true;
    }

    /// <summary>What went early to this hop went in vain: the handshakes with those behind it begin anew when it has answered.</summary>
    void LeaveFlight(int index)
    {
        _goesEarly = false;
        if (index > 0)
            Hops[index - 1].IsEarly = false;
        for (var behind = Hops.Length - 1; behind > index; behind--)
            if (Hops[behind - 1].IsEarly)
                Hops[behind].Renew();
    }

    /// <summary>
    /// Data of a hop whose session may not stand yet: the fast path finds none. The pump of a relay that hands on such an answer may be faster than
    /// its owner thread, which has the response.
    /// </summary>
    void HandleEarly(Hop hop, ReadOnlySpan<byte> datagram, Instant now)
    {
        if (hop.Tunnel.Sending is null)
        {
            hop.Hold(datagram);
            return;
        }
        var output = hop.Tunnel.Decapsulate(datagram, _layers[hop.Index], now);
        if (output.Kind != TunnelOutputKind.ToTunnel || !Frame.TryRead(output.Packet, out var frame))
            return;
        var payload = output.Packet.ToArray();
        if (frame.Type == FrameType.Control)
            HandlePayload(hop, payload, now);
        else if (frame.Type == FrameType.Forward && hop.Next is { } next && frame.Channel == hop.NextChannel)
            HandleHandshake(next, payload.AsSpan(Frame.HeaderSize, frame.Length), now);
    }
}
