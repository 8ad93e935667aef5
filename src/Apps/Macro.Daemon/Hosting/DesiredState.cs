using System.Text.Json.Serialization;
using Macro.Api;

namespace Macro.Daemon.Hosting;

/// <summary>What the user wants of the node. It outlives the process, and holds no destination, address or time.</summary>
public sealed record DesiredState
{
    /// <summary>Whether the client shall be connected.</summary>
    public bool Up { get; init; }

    public Mode Mode { get; init; } = Mode.Balanced;

    /// <summary>Two letters, or null for any.</summary>
    public string? ExitRegion { get; init; }

    public bool Relay { get; init; }

    public bool Exit { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(DesiredState))]
sealed partial class DesiredStateJson : JsonSerializerContext;
