namespace Macro.Simulation;

/// <summary>Whose datagrams a NAT lets in at a mapping (RFC 4787 5).</summary>
public enum Filtering
{
    EndpointIndependent,
    AddressDependent,
    AddressAndPortDependent,
}

/// <summary>Which outside port a mapping gets.</summary>
public enum OutsidePort
{
    /// <summary>There is no translation: a firewall.</summary>
    None,

    /// <summary>The same for every destination.</summary>
    Kept,

    /// <summary>The next one, for every destination another.</summary>
    Sequential,

    /// <summary>Any, for every destination another.</summary>
    Random,
}

/// <summary>How a NAT behaves.</summary>
public sealed record NatBoxKind(string Name, OutsidePort Ports, Filtering Filtering)
{
    public static readonly NatBoxKind Firewall = new("firewall", OutsidePort.None, Filtering.AddressAndPortDependent);
    public static readonly NatBoxKind FullCone = new("full cone", OutsidePort.Kept, Filtering.EndpointIndependent);
    public static readonly NatBoxKind AddressRestricted = new("address-restricted", OutsidePort.Kept, Filtering.AddressDependent);
    public static readonly NatBoxKind PortRestricted = new("port-restricted", OutsidePort.Kept, Filtering.AddressAndPortDependent);
    public static readonly NatBoxKind Sequential = new("sequential symmetric", OutsidePort.Sequential, Filtering.AddressAndPortDependent);
    public static readonly NatBoxKind Random = new("random symmetric", OutsidePort.Random, Filtering.AddressAndPortDependent);
    public static readonly NatBoxKind Blocked = new("UDP-blocked", OutsidePort.Kept, Filtering.AddressAndPortDependent) { BlocksUdp = true };

    /// <summary>A host may reach another of its network by the outside address.</summary>
    public bool Hairpin { get; init; }

    public bool BlocksUdp { get; init; }

    /// <summary>After which a mapping that nothing left by is forgotten.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);
}
