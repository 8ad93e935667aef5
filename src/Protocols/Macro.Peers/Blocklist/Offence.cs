namespace Macro.Peers;

/// <summary>What a relay is blocked for without being asked.</summary>
public enum Offence : byte
{
    /// <summary>It spoils many more circuits than honest relays do, mostly by falling silent or refusing.</summary>
    Dropping,

    /// <summary>The same, and mostly the hop behind it fell silent.</summary>
    NotForwarding,

    /// <summary>An exit that refuses what its policy allows.</summary>
    PolicyLie,

    /// <summary>The same, and mostly what passed between it and a neighbour was changed.</summary>
    Tampering,
}
