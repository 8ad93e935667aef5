using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>A circuit, why it has its hops, and what was noted of it.</summary>
sealed class KnownCircuit(Circuit circuit, ChosenPath path, Instant now)
{
    public Circuit Circuit => circuit;

    public ChosenPath Path { get; private set; } = path;

    /// <summary>It fell silent, and its relays have been judged for it.</summary>
    public bool IsJudged { get; set; }

    /// <summary>How many changes of path <see cref="Path"/> knows of.</summary>
    public int Reroutes { get; private set; }

    /// <summary>The circuit goes on by the relays of its standby, and that one has the old ones.</summary>
    public void ExchangeWith(KnownCircuit standby, Instant now)
    {
        (Path, standby.Path) = (standby.Path, Path);
        (IsJudged, standby.IsJudged) = (false, IsJudged);
        Reroutes = Circuit.Reroutes;
        foreach (var known in (KnownCircuit[])[this, standby])
        {
            var activity = known.Circuit.Hops[0].Tunnel.Activity;
            (known.MeasuredAt, known.MeasuredBytes) = (now, activity.BytesSent + activity.BytesReceived);
        }
    }

    public Instant StartedAt => now;

    /// <summary>Default: it never carried a packet.</summary>
    public Instant BuiltAt { get; set; }

    /// <summary>When its time is over, if nothing hangs on it then; never, before the first packet.</summary>
    public Instant RotateAt { get; set; } = Instant.Never;

    public Instant MeasuredAt { get; set; }

    public long MeasuredBytes { get; set; }

    public Instant CreditedAt { get; set; }

    /// <summary>When it was last found that messages are changed on their way.</summary>
    public Instant TamperedAt { get; set; }
}
