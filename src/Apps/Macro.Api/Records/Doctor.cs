namespace Macro.Api;

/// <summary>What the node found out about the machine it runs on.</summary>
public sealed record DoctorAnswer : Answer
{
    public required IReadOnlyList<Finding> Findings { get; init; }
}

/// <summary>One thing that was looked at.</summary>
public sealed record Finding
{
    /// <summary>A stable word for programs, as in "udp-segmentation".</summary>
    public required string Name { get; init; }

    /// <summary>False: something is missing or slower than it could be; the node runs all the same.</summary>
    public required bool Ok { get; init; }

    /// <summary>What was found, in one sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What the operator can do about it, in one sentence; null when there is nothing to do.</summary>
    public string? Remedy { get; init; }
}
