using System.Text.Json;
using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>How the records look as JSON: camelCase names, enums as kebab-case words, nothing for null.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Done))]
[JsonSerializable(typeof(Problem))]
[JsonSerializable(typeof(UpRequest))]
[JsonSerializable(typeof(Status))]
[JsonSerializable(typeof(StopAnswer))]
[JsonSerializable(typeof(CircuitAnswer))]
[JsonSerializable(typeof(WhyAnswer))]
[JsonSerializable(typeof(ProxyAnswer))]
[JsonSerializable(typeof(RelayRequest))]
[JsonSerializable(typeof(ExitRequest))]
[JsonSerializable(typeof(VersionAnswer))]
[JsonSerializable(typeof(DoctorAnswer))]
[JsonSerializable(typeof(NetcheckAnswer))]
[JsonSerializable(typeof(NetworkAnswer))]
[JsonSerializable(typeof(DirectoryText))]
[JsonSerializable(typeof(ImportAnswer))]
[JsonSerializable(typeof(PeersAnswer))]
[JsonSerializable(typeof(BlockRequest))]
[JsonSerializable(typeof(BlockedAnswer))]
[JsonSerializable(typeof(NetworkStatusAnswer))]
[JsonSerializable(typeof(CreateNetworkRequest))]
[JsonSerializable(typeof(InviteAnswer))]
[JsonSerializable(typeof(JoinRequest))]
[JsonSerializable(typeof(JoinAnswer))]
[JsonSerializable(typeof(KeysAnswer))]
[JsonSerializable(typeof(BackupRequest))]
[JsonSerializable(typeof(BackupAnswer))]
[JsonSerializable(typeof(RestoreRequest))]
public sealed partial class ApiJson : JsonSerializerContext;

/// <summary>Enum members as words in kebab-case ("extending-to-exit"); numbers are refused.</summary>
public sealed class WordConverter<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false)
    where T : struct, Enum;
