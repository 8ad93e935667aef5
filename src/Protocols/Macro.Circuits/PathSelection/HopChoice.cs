using System.Globalization;

namespace Macro.Circuits;

/// <summary>The part that a hop plays.</summary>
public enum HopPlace
{
    /// <summary>Carries a circuit of one hop to an exit behind a NAT, until a direct path stands.</summary>
    Introducer,

    Entry,
    Middle,

    /// <summary>Also the only hop of a path of one.</summary>
    Exit,
}

/// <summary>A hop of a path and how it was found.</summary>
public sealed record HopChoice
{
    public required HopPlace Place { get; init; }

    public required Candidate Relay { get; init; }

    /// <summary>Relays that could have had this place, this one included.</summary>
    public int Considered { get; init; }

    /// <summary>What kept others out.</summary>
    public required Exclusions LeftOut { get; init; }

    /// <summary>Its chance in a single draw, 0..1.</summary>
    public double Chance { get; init; }

    /// <summary>Mbit/s that were counted on.</summary>
    public double Capacity { get; init; }

    /// <summary>0..1.</summary>
    public double Reliability { get; init; }

    /// <summary>
    /// What speed was judged by: an exit by the way from the client, an entry by that from the client through it to the exit, a
    /// middle by that from the entry through it to the exit. Null: nothing was known.
    /// </summary>
    public TimeSpan? RoundTrip { get; init; }

    /// <summary>A second relay was drawn, and was as busy or busier.</summary>
    public Candidate? Busier { get; init; }

    /// <summary>1 for the first guard, and so on; 0: it was drawn.</summary>
    public int Guard { get; init; }

    /// <summary>The country that was wanted of an exit, or null.</summary>
    public string? Region { get; init; }

    /// <summary>The choice in sentences, for the person who asks why.</summary>
    public IReadOnlyList<string> Explain()
    {
        var why = new List<string>();
        if (Guard > 0)
        {
            why.Add(Guard == 1
                ? "Your first guard: the same few relays enter your circuits for months, so that few ever learn your address."
                : Text($"Your guard number {Guard}: those before it fail now, or cannot stand in a path with this exit."));
        }
        else
        {
            var from = Place switch
            {
                HopPlace.Introducer => "Carries the circuit until the exit is met directly. Chosen after it,",
                HopPlace.Entry => "Chosen after the exit,",
                HopPlace.Middle => "Chosen last,",
                HopPlace.Exit => "Chosen first,",
            };
            var what = (Place, Considered) switch
            {
                (HopPlace.Exit, 1) => "the only exit",
                (_, 1) => "the only relay",
                (HopPlace.Exit, _) => Text($"from {Considered} exits"),
                _ => Text($"from {Considered} relays"),
            };
            why.Add($"{from} {what}{(Region is null ? "" : $" in {Region}")}{(Considered == 1 ? " that fits" : "")}.");
            if (Considered > 1)
                why.Add(Text($"Its chance was {Chance:P1}, where an even draw gives {1.0 / Considered:P1}."));
        }
        why.Add(Text($"Counted on: {Capacity:0.#} Mbit/s, reliability {Reliability:0.00}, {Way()}."));
        if (Busier is { } other)
            why.Add(Text($"Drawn twice, and this one has less to do: load {Relay.LoadClass} of 15 against {other.LoadClass}."));
        if (LeftOut.ToString() is { Length: > 0 } kept)
            why.Add($"Left out: {kept}.");
        return why;
    }

    string Way() => RoundTrip is not { } time ? "its distance is unknown" : Place switch
    {
        HopPlace.Introducer => Text($"{time.TotalMilliseconds:0} ms from you and back"),
        HopPlace.Entry => Text($"{time.TotalMilliseconds:0} ms from you through it to the exit and back"),
        HopPlace.Middle => Text($"{time.TotalMilliseconds:0} ms from the entry through it to the exit and back"),
        HopPlace.Exit => Text($"{time.TotalMilliseconds:0} ms from you and back"),
    };

    static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
