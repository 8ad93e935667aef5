namespace Macro.Api;

/// <summary>Switches the relay part.</summary>
public sealed record RelayRequest
{
    public required bool Enabled { get; init; }
}

/// <summary>Switches the exit part. Switching it on needs consent, because strangers' traffic then leaves from here.</summary>
public sealed record ExitRequest
{
    public required bool Enabled { get; init; }

    /// <summary>The user has read <see cref="ExitConsent.Text"/> and agrees.</summary>
    public bool Consent { get; init; }
}

/// <summary>The text that a user must be shown before his node becomes an exit.</summary>
public static class ExitConsent
{
    public const string Text = """
        An exit sends the traffic of strangers to the Internet from your address.

          - Sites see your address, not theirs. Complaints and questions about their traffic come to you.
          - Your provider's terms may forbid it. In some countries an operator has duties by law.
          - This node refuses private and local addresses and mail (port 25), keeps no logs,
            and cannot tell who sent what.

        Relaying without being an exit (macrovpn relay on) carries none of these risks.
        """;
}

/// <summary>The end of the node.</summary>
public sealed record StopAnswer : Answer
{
    /// <summary>True, from the node: it is disconnected, and ends now. False, from 'macrovpn stop': nobody answers any more, or nobody did.</summary>
    public required bool Running { get; init; }
}

/// <summary>The versions of the program and of its protocols.</summary>
public sealed record VersionAnswer : Answer
{
    /// <summary>Version of the program, as in "0.1.0".</summary>
    public required string Program { get; init; }

    /// <summary>Version of the wire protocol.</summary>
    public required int Protocol { get; init; }

    /// <summary>From 'macrovpn version', whose own version is <see cref="Program"/>: the version of the node that runs, or null.</summary>
    public string? Node { get; init; }
}

/// <summary>One relay of the directory, as its signed descriptor says.</summary>
public sealed record RelayEntry
{
    public required string NodeId { get; init; }

    public required string Region { get; init; }

    public bool Relay { get; init; }

    public bool Exit { get; init; }

    /// <summary>The endpoints that the relay announces to everybody.</summary>
    public required IReadOnlyList<string> Endpoints { get; init; }

    /// <summary>This very node.</summary>
    public bool Self { get; init; }
}

/// <summary>The network as this node knows it.</summary>
public sealed record NetworkAnswer : Answer
{
    public required string Name { get; init; }

    /// <summary>A private network whose directory files live up to 30 days.</summary>
    public bool Static { get; init; }

    public required IReadOnlyList<RelayEntry> Relays { get; init; }
}

/// <summary>A directory file to take in, or one that was given out.</summary>
public sealed record DirectoryText : Answer
{
    /// <summary>The text of the directory file (docs/protocol/directory-file.md).</summary>
    public required string Text { get; init; }
}

/// <summary>What became of an imported directory file.</summary>
public sealed record ImportAnswer : Answer
{
    /// <summary>Descriptors that were new or newer.</summary>
    public required int Added { get; init; }

    /// <summary>Descriptors that were known already.</summary>
    public required int Known { get; init; }

    /// <summary>A sentence for each descriptor that was refused.</summary>
    public required IReadOnlyList<string> Refused { get; init; }
}

/// <summary>The public side of the key store.</summary>
public sealed record KeysAnswer : Answer
{
    /// <summary>The node id, z-base-32.</summary>
    public required string NodeId { get; init; }

    /// <summary>The relay key in use, base64 of 32 bytes.</summary>
    public required string RelayKey { get; init; }

    /// <summary>The key that comes next, base64.</summary>
    public required string NextRelayKey { get; init; }

    /// <summary>The key before, while it is still accepted; or null.</summary>
    public string? PreviousRelayKey { get; init; }

    /// <summary>What seals the key store: "passphrase", "systemd-credential" or "key-file".</summary>
    public required string SealedBy { get; init; }
}

/// <summary>Asks for a copy of the key store, sealed under a passphrase of its own.</summary>
public sealed record BackupRequest
{
    /// <summary>At least 8 characters.</summary>
    public required string Passphrase { get; init; }
}

/// <summary>A sealed copy of the key store.</summary>
public sealed record BackupAnswer : Answer
{
    /// <summary>The bytes of the file (docs/protocol/keystore.md), base64 in JSON.</summary>
    public required byte[] File { get; init; }
}

/// <summary>Puts a backup in the place of the key store.</summary>
public sealed record RestoreRequest
{
    public required byte[] File { get; init; }

    public required string Passphrase { get; init; }
}
