using Macro.Core;

namespace Macro.Circuits;

/// <summary>Every hop is probed: often while packets go by the circuit, and at once when one leaves a probe open.</summary>
public sealed partial class Circuit
{
    /// <summary>What comes back from the internet.</summary>
    public InternetWatch Internet { get; } = new();

    /// <summary>All hops answer, and the internet does not by this exit.</summary>
    public bool IsMute(Instant now) =>
        State == CircuitState.Ready && IsPassing && !Array.Exists(Hops, hop => hop.Health.IsSuspect) && Internet.IsMute(now);

    /// <summary>Ends a circuit whose exit is mute.</summary>
    public void EndMute(Instant now) => Fail(Exit.Index, "nothing came back from the internet", now, CircuitFailureKind.Mute);

    /// <summary>Looks at the probes whose time is over, and sends those that are due.</summary>
    void Watch(Instant now)
    {
        foreach (var hop in Hops)
        {
            if (hop.Health.Deadline > now)
                continue;
            hop.Health.EndProbe(hop.Tunnel.Activity.LastReceived, now);
            hop.Health.NextProbe = now;
            if (hop == Exit)
                AskByAllPaths(now);
        }
        ChoosePath(now);
        if (State == CircuitState.Ready && Array.Exists(Hops, hop => hop.Health.IsDead))
            Lose(FirstSilent(), "stopped answering", now);
        if (State == CircuitState.Ready)
            ProbeHops(now);
    }

    void ProbeHops(Instant now)
    {
        foreach (var hop in Hops)
        {
            var health = hop.Health;
            if (health.NextProbe > now || health.ProbeSent is not null)
                continue;
            health.NextProbe = now + (health.IsSuspect ? s_suspectProbe : IsActive(now) ? s_activeProbe : IdleProbe);
            Send(hop, FrameType.Control, _nextRequest++, ControlCodec.Encode(new Probe { Token = health.BeginProbe(now) }), now, mayCopy: false);
        }
    }

    bool IsActive(Instant now) => now - LastTraffic < s_activeFor;

    void HurryProbes(Instant now)
    {
        foreach (var hop in Hops)
            hop.Health.NextProbe = Instant.Min(hop.Health.NextProbe, now);
    }

    /// <summary>Everything behind a dead hop falls silent with it: the first that is silent is to blame.</summary>
    int FirstSilent() => Array.FindIndex(Hops, hop => hop.Health.IsSilent);
}
