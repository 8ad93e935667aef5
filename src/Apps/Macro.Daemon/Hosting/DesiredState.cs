using System.Text.Json.Serialization;
using Macro.Api;

namespace Macro.Daemon.Hosting;

/// <summary>What is wanted of the node: what a person said, and else what the settings say.</summary>
public sealed record DesiredState
{
    /// <summary>Whether the client shall be connected.</summary>
    public bool Up { get; init; }

    public Mode Mode { get; init; } = Mode.Balanced;

    /// <summary>Regions in the order of preference, or null for any.</summary>
    public string? ExitRegion { get; init; }

    public bool Relay { get; init; }

    public bool Exit { get; init; }
}

/// <summary>
/// What a person said with commands; null where the settings count. It outlives the process, and holds no destination, address or time.
/// </summary>
public sealed record Wishes
{
    public bool Up { get; init; }

    public Mode? Mode { get; init; }

    /// <summary>As <see cref="UpRequest.ExitRegion"/>.</summary>
    public string? ExitRegion { get; init; }

    public bool? Relay { get; init; }

    public bool? Exit { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Wishes))]
sealed partial class WishesJson : JsonSerializerContext;
