namespace Macro.Api;

/// <summary>The addresses of the operations. The first part is the version of the API.</summary>
public static class ApiPaths
{
    public const string Version = "/v1/version";
    public const string Status = "/v1/status";

    /// <summary>GET: one line of JSON (<see cref="Macro.Api.Status"/>) at once and one for every change, until the client closes.</summary>
    public const string StatusStream = "/v1/status/stream";

    public const string Up = "/v1/up";
    public const string Down = "/v1/down";

    /// <summary>POST: disconnects as <see cref="Down"/> does and, once the answer is sent, ends the node.</summary>
    public const string Stop = "/v1/stop";

    public const string Circuit = "/v1/circuit";
    public const string CircuitWhy = "/v1/circuit/why";
    public const string Proxy = "/v1/proxy";
    public const string Relay = "/v1/relay";
    public const string Exit = "/v1/exit";
    public const string Doctor = "/v1/doctor";
    public const string Netcheck = "/v1/netcheck";
    public const string Network = "/v1/network";
    public const string NetworkStatus = "/v1/network/status";
    public const string NetworkCreate = "/v1/network/create";
    public const string NetworkJoin = "/v1/network/join";
    public const string NetworkLeave = "/v1/network/leave";
    public const string Invite = "/v1/network/invite";
    public const string Peers = "/v1/peers";
    public const string PeersBlocked = "/v1/peers/blocked";
    public const string PeersBlock = "/v1/peers/block";
    public const string PeersUnblock = "/v1/peers/unblock";
    public const string NetworkExport = "/v1/network/export";
    public const string NetworkImport = "/v1/network/import";
    public const string Keys = "/v1/keys";
    public const string KeysRotate = "/v1/keys/rotate";
    public const string KeysBackup = "/v1/keys/backup";
    public const string KeysRestore = "/v1/keys/restore";
}

/// <summary>Where the socket of the API lies when nothing else is said.</summary>
public static class ApiSocket
{
    /// <summary>The folder of root's node. Others cannot look into it, but see that it is there, and so that there is such a node.</summary>
    public const string SystemFolder = "/run/macrovpn";

    /// <summary>
    /// /run/macrovpn/api.sock for root, else macrovpn/api.sock in $XDG_RUNTIME_DIR, else in $XDG_STATE_HOME, else in
    /// ~/.local/state: never where other users may have been first.
    /// </summary>
    public static string DefaultPath => Path.Combine(Environment.IsPrivilegedProcess ? SystemFolder : Path.Combine(UserFolder, "macrovpn"), "api.sock");

    static string UserFolder => Variable("XDG_RUNTIME_DIR") ?? Variable("XDG_STATE_HOME")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local/state");

    static string? Variable(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}
