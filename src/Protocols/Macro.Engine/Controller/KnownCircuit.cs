using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>A circuit, why it has its hops, and what was noted of it.</summary>
sealed class KnownCircuit(Circuit circuit, ChosenPath path, Instant now)
{
    public Circuit Circuit => circuit;

    public ChosenPath Path => path;

    public Instant StartedAt => now;

    /// <summary>Default: it never carried a packet.</summary>
    public Instant BuiltAt { get; set; }

    /// <summary>When its time is over, if nothing hangs on it then; never, before the first packet.</summary>
    public Instant RotateAt { get; set; } = Instant.Never;

    public Instant MeasuredAt { get; set; }

    public long MeasuredBytes { get; set; }

    public Instant CreditedAt { get; set; }
}
