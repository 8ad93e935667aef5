using System.Security.Cryptography;
using Macro.Api;
using Macro.Core;
using Macro.Crypto;
using Macro.Daemon.Settings;
using Macro.Peers;

namespace Macro.Daemon.Storage;

/// <summary>
/// Where the secret comes from that seals the key store: the passphrase file of the settings, else the systemd credential
/// "macrovpn.key" ($CREDENTIALS_DIRECTORY, LoadCredentialEncrypted=), else a key file beside the store (0600).
/// </summary>
sealed class SealingSecrets(DataFolder folder, KeysSection settings, IRandom random, string? credentials)
{
    public const string KeyFileName = "keystore.key", CredentialName = "macrovpn.key";

    const int KeyFileSize = 32;

    /// <summary>The best method that is at hand.</summary>
    public SealingMethod Preferred => settings.PassphraseFile is not null ? SealingMethod.Passphrase
        : CredentialPath is not null ? SealingMethod.SystemdCredential
        : SealingMethod.KeyFile;

    string? CredentialPath => credentials is not null && Path.Combine(credentials, CredentialName) is var path && File.Exists(path) ? path : null;

    /// <summary>The secret of a method; the caller wipes it.</summary>
    /// <exception cref="NodeException">It is not there.</exception>
    public SealingSecret Take(SealingMethod method) => new(method, method switch
    {
        SealingMethod.Passphrase => Passphrase(),
        SealingMethod.SystemdCredential => Credential(),
        SealingMethod.KeyFile => KeyFile(),
    });

    SecretBytes Passphrase()
    {
        if (settings.PassphraseFile is not { } path)
            throw Missing("The key store is sealed under a passphrase.", "Name its file in keys.passphrase_file.");
        var bytes = Read(path, "Put the passphrase into the file that keys.passphrase_file names.");
        try
        {
            var end = bytes.AsSpan().IndexOfAny((byte)'\r', (byte)'\n');
            var line = end < 0 ? bytes.AsSpan() : bytes.AsSpan(0, end);
            return line.Length >= 8 ? new SecretBytes(line) : throw Missing("The passphrase of the key store has fewer than 8 characters.", "Use a longer one.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    SecretBytes Credential()
    {
        if (CredentialPath is not { } path)
            throw Missing("The key store is sealed under a systemd credential that is not there.", $"Start the node by its systemd unit, with LoadCredentialEncrypted={CredentialName}.");
        var bytes = Read(path, "Check the unit.");
        try
        {
            return bytes.Length >= 16 ? new SecretBytes(bytes) : throw Missing($"The credential {CredentialName} has fewer than 16 bytes.", "Make a longer one.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    SecretBytes KeyFile()
    {
        var bytes = folder.TryRead(KeyFileName);
        if (bytes is null)
        {
            bytes = new byte[KeyFileSize];
            random.Fill(bytes);
            folder.Write(KeyFileName, bytes);
        }
        try
        {
            return bytes.Length == KeyFileSize
                ? new SecretBytes(bytes)
                : throw Missing($"{folder.PathOf(KeyFileName)} is damaged.", "Put the right file back, or remove it with the key store and restore a backup.");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    static byte[] Read(string path, string remedy)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Missing($"{path} cannot be read.", remedy, e);
        }
    }

    static NodeException Missing(string message, string remedy, Exception? inner = null) =>
        new(ProblemCodes.KeyStore, message, remedy, inner);
}
