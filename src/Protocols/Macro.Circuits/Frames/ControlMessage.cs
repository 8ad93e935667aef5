using Macro.Core;

namespace Macro.Circuits;

/// <summary>Numbers of the control messages on the wire. An answer has the number of its request plus 0x80.</summary>
public enum ControlType : byte
{
    Hello = 1,
    Extend = 2,
    Bind = 3,
    Introduce = 4,
    OpenExit = 5,
    Probe = 6,
    Cover = 8,
    Close = 9,
    PathChallenge = 10,
    Directory = 11,
    Register = 12,
    Introduced = 13,
}

/// <summary>How a request ended. The asker acts on the group: retry elsewhere, retry later, or give up.</summary>
public enum ControlStatus : byte
{
    Ok = 0,

    /// <summary>The message or one of its fields is unknown here.</summary>
    Unsupported = 1,

    /// <summary>The message was malformed.</summary>
    BadRequest = 2,

    /// <summary>The node does not do this (not a relay, not an exit, target not allowed).</summary>
    RefusedPolicy = 3,

    /// <summary>Too many sessions, channels or leases.</summary>
    RefusedLoad = 4,

    /// <summary>No endpoint of the next hop can be reached from here.</summary>
    RefusedUnreachable = 5,

    /// <summary>The descriptor's signature or validity does not hold.</summary>
    RefusedUnverified = 6,

    /// <summary>The receiver index is taken: start again with another.</summary>
    Busy = 7,

    /// <summary>No such channel.</summary>
    NotFound = 8,
}

/// <summary>
/// A control message: a request, or the answer to one. On the wire a CBOR map with small integer keys in deterministic
/// encoding (RFC 8949 4.2.1) inside a <see cref="FrameType.Control"/> frame; see docs/protocol/control.md.
/// </summary>
public abstract record ControlMessage
{
    /// <summary>Most bytes of an encoded message.</summary>
    public const int MaxSize = 1200;

    public abstract ControlType Type { get; }
}

/// <summary>An answer; <see cref="Status"/> says how the request ended.</summary>
public abstract record ControlAnswer : ControlMessage
{
    public required ControlStatus Status { get; init; }
}

/// <summary>First message on a session to an entry: what the client speaks.</summary>
public sealed record Hello : ControlMessage
{
    public const ulong CurrentVersion = 1;

    public required ulong Version { get; init; }
    public ulong Features { get; init; }
    public override ControlType Type => ControlType.Hello;
}

public sealed record HelloAnswer : ControlAnswer
{
    public ulong Version { get; init; }

    /// <summary>Bit 0 relay, bit 1 exit.</summary>
    public ulong Roles { get; init; }

    /// <summary>Largest payload of a session, in bytes.</summary>
    public ulong Mtu { get; init; }

    /// <summary>0 idle .. 7 full.</summary>
    public ulong LoadClass { get; init; }

    /// <summary>The address that the asker's datagrams come from, as seen here.</summary>
    public Endpoint Observed { get; init; }

    public override ControlType Type => ControlType.Hello;
}

/// <summary>Open a channel to the relay in this signed descriptor.</summary>
public sealed record Extend : ControlMessage
{
    public required uint Channel { get; init; }
    public required ReadOnlyMemory<byte> Descriptor { get; init; }

    /// <summary>The signed descriptor of one of its introducers, when it stands behind a NAT and is not registered here; else empty.</summary>
    public ReadOnlyMemory<byte> Introducer { get; init; }

    public override ControlType Type => ControlType.Extend;
}

/// <summary>Route messages from the channel's next hop with this receiver index to this channel.</summary>
public sealed record Bind : ControlMessage
{
    public required uint Channel { get; init; }
    public required uint Index { get; init; }
    public override ControlType Type => ControlType.Bind;
}

/// <summary>Make this session an exit session.</summary>
public sealed record OpenExit : ControlMessage
{
    public required bool V4 { get; init; }
    public required bool V6 { get; init; }
    public override ControlType Type => ControlType.OpenExit;
}

public sealed record OpenExitAnswer : ControlAnswer
{
    public bool V4 { get; init; }
    public bool V6 { get; init; }

    /// <summary>ISO 3166 country of the exit, "ZZ" unknown.</summary>
    public string Region { get; init; } = "ZZ";

    /// <summary>One line in words: what the exit allows.</summary>
    public string Policy { get; init; } = "";

    /// <summary>Largest IP packet that this session carries, in bytes.</summary>
    public ulong Mtu { get; init; }

    /// <summary>Most paths by which the exit sends at the same time; 0: one.</summary>
    public ulong Paths { get; init; }

    public override ControlType Type => ControlType.OpenExit;
}

/// <summary>Echo; per-hop liveness and health.</summary>
public sealed record Probe : ControlMessage
{
    /// <summary>The asker's own mark, returned as it is.</summary>
    public required ulong Token { get; init; }

    /// <summary>Of the path by which it goes; null: of the session alone.</summary>
    public PathReport? Report { get; init; }

    public override ControlType Type => ControlType.Probe;
}

public sealed record ProbeAnswer : ControlAnswer
{
    public ulong Token { get; init; }

    /// <summary>Packets of this session that the relay dropped since the session began.</summary>
    public ulong Drops { get; init; }

    /// <summary>Of the path by which it goes, when the probe had one and came from an address of the client that is proven.</summary>
    public PathReport? Report { get; init; }

    public override ControlType Type => ControlType.Probe;
}

/// <summary>The hop is to send cover traffic in this session, which is of constant size; the client does the same.</summary>
public sealed record Cover : ControlMessage
{
    /// <summary>The machine of <see cref="CoverMachine"/>, the only one that there is.</summary>
    public const ulong Bursts = 1;

    public required ulong Machine { get; init; }

    /// <summary>Bytes an hour, most, of the hop's direction; 0: none any more.</summary>
    public required ulong Budget { get; init; }

    public override ControlType Type => ControlType.Cover;
}

public sealed record CoverAnswer : ControlAnswer
{
    /// <summary>Bytes an hour that the hop agrees to, at most what was asked for.</summary>
    public ulong Budget { get; init; }

    public override ControlType Type => ControlType.Cover;
}

/// <summary>Forget a channel; the last one also ends the session's use of the relay.</summary>
public sealed record Close : ControlMessage
{
    public required uint Channel { get; init; }
    public override ControlType Type => ControlType.Close;
}

/// <summary>
/// From a hop to its client, at an address that the client was newly heard from: does it receive there? The one request
/// that goes this way (compare RFC 9000 8.2).
/// </summary>
public sealed record PathChallenge : ControlMessage
{
    /// <summary>Drawn at random for this address.</summary>
    public required ulong Token { get; init; }
    public override ControlType Type => ControlType.PathChallenge;
}

public sealed record PathResponse : ControlAnswer
{
    public ulong Token { get; init; }

    /// <summary>The address is one more beside those that are proven; else it takes their place.</summary>
    public bool IsBeside { get; init; }

    public override ControlType Type => ControlType.PathChallenge;
}

/// <summary>A question about the directory of relays; what it says is the directory's own affair.</summary>
public sealed record DirectoryRequest : ControlMessage
{
    /// <summary>Most bytes of <see cref="Body"/>, and of an answer's.</summary>
    public const int MaxBody = 1152;

    public required ReadOnlyMemory<byte> Body { get; init; }
    public override ControlType Type => ControlType.Directory;
}

public sealed record DirectoryAnswer : ControlAnswer
{
    public required ReadOnlyMemory<byte> Body { get; init; }
    public override ControlType Type => ControlType.Directory;
}

/// <summary>The answer to a request that returns nothing but its status, and to every message that is not understood.</summary>
public sealed record StatusAnswer(ControlType Asked) : ControlAnswer
{
    public override ControlType Type => Asked;
}
