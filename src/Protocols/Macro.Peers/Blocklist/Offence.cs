namespace Macro.Peers;

/// <summary>What a relay is blocked for without being asked.</summary>
public enum Offence : byte
{
    /// <summary>It spoils many more circuits than honest relays do.</summary>
    Dropping,

    /// <summary>It accepts to extend, and does not forward.</summary>
    NotForwarding,

    /// <summary>An exit that refuses what its policy allows.</summary>
    PolicyLie,

    /// <summary>It changes what it should pass on.</summary>
    Tampering,
}
