namespace Macro.Core;

/// <summary>The ECN field of an IP header: its two lowest bits of TOS or traffic class (RFC 3168 5).</summary>
public enum Ecn : byte
{
    /// <summary>Not ECN-capable: a router that has to signal congestion drops the packet.</summary>
    NotCapable = 0,

    /// <summary>ECT(1).</summary>
    Capable1 = 1,

    /// <summary>ECT(0), which TCP sends.</summary>
    Capable0 = 2,

    /// <summary>CE: a router met congestion.</summary>
    Congestion = 3,
}
