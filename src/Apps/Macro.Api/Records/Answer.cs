using System.Text.Json.Serialization;

namespace Macro.Api;

/// <summary>What every answer of the API has in common.</summary>
public abstract record Answer
{
    /// <summary>The version of the shapes below. It grows only when a field changes its meaning or goes; new fields do not count.</summary>
    public const int CurrentVersion = 1;

    [JsonPropertyOrder(-1)]
    public int Version { get; init; } = CurrentVersion;
}

/// <summary>An operation that was done and has nothing more to tell.</summary>
public sealed record Done : Answer
{
    /// <summary>What happened, in one sentence for a person; or null.</summary>
    public string? Message { get; init; }
}

/// <summary>Why an operation was not done. Sent with status 4xx or 5xx.</summary>
public sealed record Problem : Answer
{
    /// <summary>A stable word for programs, one of <see cref="ProblemCodes"/>.</summary>
    public required string Code { get; init; }

    /// <summary>What is wrong, in one sentence.</summary>
    public required string Message { get; init; }

    /// <summary>What the user can do about it, in one sentence; or null when there is nothing to do.</summary>
    public string? Remedy { get; init; }

    /// <summary>The remedy where only the log says more.</summary>
    public const string ReportRemedy = "Run macrovpnd in a terminal or as a service to see its log, and report it.";
}

/// <summary>The words of <see cref="Problem.Code"/>.</summary>
public static class ProblemCodes
{
    /// <summary>The request is not understood (400).</summary>
    public const string BadRequest = "bad-request";

    /// <summary>There is no such operation (404).</summary>
    public const string NotFound = "not-found";

    /// <summary>Exiting needs the user's consent, which the request does not carry (409).</summary>
    public const string ConsentNeeded = "consent-needed";

    /// <summary>The wanted circuit cannot be had: the relays that are known make none, or those that were chosen do not serve (409).</summary>
    public const string NoRelays = "no-relays";

    /// <summary>No exit is known in the wanted region (409).</summary>
    public const string NoExitInRegion = "no-exit-in-region";

    /// <summary>Told for ten seconds while traffic flows again: a circuit was lost, and its connections with it.</summary>
    public const string CircuitLost = "circuit-lost";

    /// <summary>The node may not do this: it lacks a right of the operating system (403).</summary>
    public const string NotPermitted = "not-permitted";

    /// <summary>The node is in a state that does not allow this now (409).</summary>
    public const string WrongState = "wrong-state";

    /// <summary>The key store or a backup cannot be opened (409).</summary>
    public const string KeyStore = "key-store";

    /// <summary>An invite link cannot be used (422).</summary>
    public const string BadInvite = "bad-invite";

    /// <summary>A directory file is not acceptable (422).</summary>
    public const string BadDirectory = "bad-directory";

    /// <summary>A fault of the node itself (500).</summary>
    public const string Internal = "internal";

    /// <summary>Made by the client: nothing listens on the socket.</summary>
    public const string NotRunning = "not-running";

    /// <summary>Made by the client: the answer is not understood.</summary>
    public const string BadAnswer = "bad-answer";

    /// <summary>Made by the client: it has waited as long as it was told to.</summary>
    public const string Timeout = "timeout";

    /// <summary>Made by the client: a file cannot be read or written.</summary>
    public const string File = "file";
}
