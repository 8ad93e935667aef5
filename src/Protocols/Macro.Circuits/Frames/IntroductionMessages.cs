namespace Macro.Circuits;

/// <summary>Reach me through you: a node behind a NAT tells its introducer who it is.</summary>
public sealed record Register : ControlMessage
{
    /// <summary>Its NodeId, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> Node { get; init; }

    /// <summary>64 bytes, over "macro register 1", the introducer's relay key and this session's hop key.</summary>
    public required ReadOnlyMemory<byte> Signature { get; init; }

    public override ControlType Type => ControlType.Register;
}

/// <summary>Bring me together with a node that is registered with you. The answer has its offer; both begin to punch then.</summary>
public sealed record Introduce : ControlMessage
{
    /// <summary>Whom: its NodeId, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> Node { get; init; }

    /// <summary>Drawn at random for this attempt.</summary>
    public required ulong Attempt { get; init; }

    /// <summary>The asker's public key of this attempt, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }

    /// <summary>The relay key of the node that the asker knows, 32 bytes.</summary>
    public required ReadOnlyMemory<byte> RelayKey { get; init; }

    /// <summary>See docs/protocol/disco.md.</summary>
    public required ReadOnlyMemory<byte> Offer { get; init; }

    /// <summary>Between asker and introducer, in milliseconds.</summary>
    public required ulong RoundTrip { get; init; }

    public override ControlType Type => ControlType.Introduce;
}

public sealed record IntroduceAnswer : ControlAnswer
{
    public ReadOnlyMemory<byte> Offer { get; init; }
    public override ControlType Type => ControlType.Introduce;
}

/// <summary>From an introducer to a node that is registered with it: somebody wants to meet you.</summary>
public sealed record Introduced : ControlMessage
{
    public required ulong Attempt { get; init; }
    public required ReadOnlyMemory<byte> Key { get; init; }
    public required ReadOnlyMemory<byte> RelayKey { get; init; }
    public required ReadOnlyMemory<byte> Offer { get; init; }
    public required ulong RoundTrip { get; init; }
    public override ControlType Type => ControlType.Introduced;
}

public sealed record IntroducedAnswer : ControlAnswer
{
    public required ulong Attempt { get; init; }
    public ReadOnlyMemory<byte> Offer { get; init; }
    public override ControlType Type => ControlType.Introduced;
}
