using Macro.Circuits;

namespace Macro.Engine;

/// <summary>How a circuit weighs speed against privacy.</summary>
public enum ConnectionMode
{
    /// <summary>1 hop: the exit sees the client's address.</summary>
    Speed,

    /// <summary>2 hops: nobody sees both ends.</summary>
    Balanced,

    /// <summary>3 hops: guard, middle, exit, no two of them in one country; packets of one size.</summary>
    Private,

    /// <summary>As private, by the weakest preference for fast relays, with another circuit every ten minutes and cover traffic.</summary>
    Paranoid,
}

public static class ConnectionModes
{
    static readonly PathProfile
        s_speed = new(1, Capacity: 1, Reliability: 1, Speed: 4, DifferentCountries: false),
        s_balanced = new(2, Capacity: 1, Reliability: 1, Speed: 2.5, DifferentCountries: false),
        s_private = new(3, Capacity: 1, Reliability: 1, Speed: 1.5, DifferentCountries: true),
        s_paranoid = new(3, Capacity: 1, Reliability: 1, Speed: 0, DifferentCountries: true);

    public static PathProfile Profile(this ConnectionMode mode) => mode switch
    {
        ConnectionMode.Speed => s_speed,
        ConnectionMode.Balanced => s_balanced,
        ConnectionMode.Private => s_private,
        ConnectionMode.Paranoid => s_paranoid,
    };

    /// <summary>All data messages of the mode's circuits have one size on each leg.</summary>
    public static bool IsConstantSize(this ConnectionMode mode) => mode is ConnectionMode.Private or ConnectionMode.Paranoid;

    /// <summary>
    /// Circuits of the mode may be built in one round trip, by early data. Not the most careful one: whoever records it and steals the relays' keys
    /// within two days learns the path.
    /// </summary>
    public static bool GoesEarly(this ConnectionMode mode) => mode != ConnectionMode.Paranoid;

    public static int Hops(this ConnectionMode mode) => mode.Profile().Hops;
}

/// <summary>Where the client's connection stands.</summary>
public enum ConnectionState
{
    Off,
    Connecting,

    /// <summary>The circuit carries packets end to end, and the device is set up: said only when it is true.</summary>
    Active,

    /// <summary>Was active; the circuit was lost and another is being built. Packets wait or are dropped, none goes beside.</summary>
    Reconnecting,

    /// <summary>Could not be had so far; the reason says why. It is tried again and again, and no packet goes beside.</summary>
    Waiting,

    /// <summary>The device cannot be had; the reason says what would help.</summary>
    Failed,
}

/// <summary>What is being done just now, for people who wait.</summary>
public enum ConnectPhase
{
    None,

    /// <summary>Too few relays are known; they are being looked for.</summary>
    FindingRelays,
    ChoosingRelays,
    ConnectingEntry,
    ExtendingCircuit,
    OpeningExit,
    ConfiguringDevice,
    Active,
}

/// <summary>What the user asked for.</summary>
public sealed record ConnectRequest
{
    public ConnectionMode Mode { get; init; } = ConnectionMode.Balanced;

    /// <summary>
    /// Where the exit is to be, in the words of <see cref="ExitRegions"/>, as in "CH,NL"; null: any.
    /// </summary>
    public string? ExitRegion { get; init; }

    internal IReadOnlyList<string> Regions => [.. Wanted.Where(region => region != ExitRegions.Any)];

    internal bool OtherRegions => Wanted.Contains(ExitRegions.Any);

    string[] Wanted => ExitRegion?.Split(',') ?? [];
}

/// <summary>The connection as it is now; a new value at every change.</summary>
public sealed record Connection
{
    public static readonly Connection Off = new();

    public ConnectionState State { get; init; }
    public ConnectPhase Phase { get; init; }
    public ConnectRequest Request { get; init; } = new();

    /// <summary>Hops that answered so far while connecting.</summary>
    public int HopsReached { get; init; }

    /// <summary>What went wrong, in words; null when nothing did.</summary>
    public string? Problem { get; init; }

    /// <summary>What the user can do about it.</summary>
    public string? Remedy { get; init; }

    /// <summary>Why no path could be chosen, when that is the problem; else Ok.</summary>
    public PathVerdict Verdict { get; init; }
}
