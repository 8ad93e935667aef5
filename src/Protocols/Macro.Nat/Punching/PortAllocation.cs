namespace Macro.Nat;

/// <summary>
/// What matters of a NAT to whoever wants to be reached through it: which outside port a new flow of the same socket gets
/// (RFC 4787 4.1 and 4.2).
/// </summary>
public enum PortAllocation : byte
{
    /// <summary>Not known yet; punched as if it were <see cref="Kept"/>.</summary>
    Unknown = 0,

    /// <summary>No translation: a public address, perhaps behind a firewall.</summary>
    None = 1,

    /// <summary>The same port to every destination: endpoint-independent mapping.</summary>
    Kept = 2,

    /// <summary>Another port for every destination, a constant step from the one before.</summary>
    Sequential = 3,

    /// <summary>Another port for every destination, drawn at random.</summary>
    Random = 4,

    /// <summary>UDP does not pass.</summary>
    Blocked = 5,
}
