using System.Text;
using Macro.Api;
using Macro.Core;
using Macro.Crypto;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Peers;

namespace Macro.Daemon.Storage;

/// <summary>
/// The node's keys in memory and in the file "keystore". Made with fresh keys at the first start. Thread-safe; the private
/// keys that it hands out are copies.
/// </summary>
public sealed class KeyRing : IDisposable
{
    public const string FileName = "keystore";

    readonly Lock _lock = new();
    readonly DataFolder _folder;
    readonly SealingSecrets _secrets;
    readonly IRandom _random;
    readonly WallClock _clock;
    readonly KeyStoreContents _contents;
    readonly bool _rotates;
    bool _replaced;

    /// <exception cref="NodeException">The store is there and cannot be opened. It is never replaced by itself.</exception>
    public KeyRing(DataFolder folder, NodeSettings settings, WallClock clock, IRandom random)
    {
        _folder = folder;
        _clock = clock;
        _random = random;
        _secrets = new SealingSecrets(folder, settings.Keys, random, Environment.GetEnvironmentVariable("CREDENTIALS_DIRECTORY"));
        // Nothing carries a new key to the clients of a static network: there keys rotate by hand only.
        _rotates = !settings.Network.Static;
        SealedBy = _secrets.Preferred;
        if (folder.TryRead(FileName) is not { } file)
        {
            _contents = KeyStoreContents.Generate(random, clock.Now);
            Save();
            return;
        }
        if (!KeyStoreFile.TryReadMethod(file, out var method))
            throw Unopened(KeyStoreVerdict.NotAKeyStore);
        var secret = _secrets.Take(method);
        using (secret.Bytes)
        {
            var verdict = KeyStoreFile.TryOpen(file, secret, out var contents);
            _contents = contents ?? throw Unopened(verdict);
        }
        if (method != SealedBy)
            Save();
        Rotate();
    }

    /// <summary>Raised, on the caller's thread, when <see cref="CopyRelayKeys"/> would give other keys.</summary>
    public event Action? RelayKeysChanged;

    public NodeIdentity Identity => _contents.Identity;

    public SealingMethod SealedBy { get; }

    /// <summary>When <see cref="Rotate"/> has something to do next; never in a static network.</summary>
    public Instant NextRotation
    {
        get
        {
            lock (_lock)
                return _rotates ? _contents.RelayKeys.NextTimeout : Instant.Never;
        }
    }

    /// <summary>The keys under which to answer handshakes now, the one in use first. They belong to the caller.</summary>
    public IReadOnlyList<PrivateKey> CopyRelayKeys()
    {
        lock (_lock)
            return _contents.RelayKeys.CopyAccepted(_clock.Now);
    }

    /// <summary>The public keys: in use, next, and the one before while it is accepted.</summary>
    public (PublicKey Current, PublicKey Next, PublicKey? Previous) PublicRelayKeys
    {
        get
        {
            lock (_lock)
            {
                var keys = _contents.RelayKeys;
                return (keys.Current.PublicKey, keys.Next.PublicKey, keys.Previous?.PublicKey);
            }
        }
    }

    /// <summary>Does what the time asks for, and stores it.</summary>
    public void Rotate()
    {
        lock (_lock)
        {
            if (!_rotates || _replaced || !_contents.RelayKeys.Rotate(_clock.Now, _random))
                return;
            Save();
        }
        RelayKeysChanged?.Invoke();
    }

    /// <summary>Puts the next relay key into use now.</summary>
    public void RotateNow()
    {
        lock (_lock)
        {
            MustNotBeReplaced();
            _contents.RelayKeys.RotateNow(_clock.Now, _random);
            Save();
        }
        RelayKeysChanged?.Invoke();
    }

    /// <summary>A copy of the secret of this name, or null. The caller wipes it.</summary>
    public SecretBytes? CopySecret(string name)
    {
        lock (_lock)
            return _contents.Secret(name) is { } secret ? new SecretBytes(secret.Span) : null;
    }

    /// <summary>Keeps a secret under a name; empty forgets it.</summary>
    public void SetSecret(string name, ReadOnlySpan<byte> secret)
    {
        lock (_lock)
        {
            MustNotBeReplaced();
            if (secret.IsEmpty)
                _contents.RemoveSecret(name);
            else
                _contents.SetSecret(name, secret);
            Save();
        }
    }

    /// <summary>A copy of the store for another disk, sealed under a passphrase of at least 8 characters.</summary>
    public byte[] Backup(string passphrase)
    {
        lock (_lock)
        {
            MustNotBeReplaced();
            using var secret = PassphraseOf(passphrase);
            return KeyStoreFile.Seal(_contents, new SealingSecret(SealingMethod.Passphrase, secret), _random);
        }
    }

    /// <summary>Puts a backup in the place of the store. The keys in memory stay in use until the node starts again.</summary>
    public void Restore(byte[] backup, string passphrase)
    {
        lock (_lock)
        {
            using var secret = PassphraseOf(passphrase);
            var verdict = KeyStoreFile.TryOpen(backup, new SealingSecret(SealingMethod.Passphrase, secret), out var contents);
            if (contents is null)
                throw new NodeException(
                    ProblemCodes.KeyStore, $"The backup cannot be opened: {Reason(verdict)}.", "Check the file and its passphrase; the keys in use are unchanged.");
            using (contents)
                Save(contents);
            _replaced = true;
        }
    }

    public void Dispose() => _contents.Dispose();

    void Save() => Save(_contents);

    void Save(KeyStoreContents contents)
    {
        var secret = _secrets.Take(SealedBy);
        using (secret.Bytes)
            _folder.Write(FileName, KeyStoreFile.Seal(contents, secret, _random));
        if (SealedBy != SealingMethod.KeyFile)
            File.Delete(_folder.PathOf(SealingSecrets.KeyFileName));
    }

    void MustNotBeReplaced()
    {
        if (_replaced)
            throw new NodeException(ProblemCodes.WrongState, "The key store was restored and waits for a start.", "Start the node again.");
    }

    static SecretBytes PassphraseOf(string passphrase) => passphrase.Length >= 8
        ? new SecretBytes(Encoding.UTF8.GetBytes(passphrase))
        : throw new NodeException(ProblemCodes.BadRequest, "The passphrase has fewer than 8 characters.", "Use a longer one.");

    NodeException Unopened(KeyStoreVerdict verdict) => new(
        ProblemCodes.KeyStore,
        $"The key store {_folder.PathOf(FileName)} cannot be opened: {Reason(verdict)}.",
        "Offer the secret that sealed it, or move the file away (the node then gets new keys) and restore a backup.");

    static string Reason(KeyStoreVerdict verdict) => verdict switch
    {
        KeyStoreVerdict.Opened => "it is open",
        KeyStoreVerdict.NotAKeyStore => "it is no key store",
        KeyStoreVerdict.UnsupportedVersion => "a newer program made it",
        KeyStoreVerdict.OtherMethod => "it is sealed by another method",
        KeyStoreVerdict.WrongSecretOrDamaged => "the secret is wrong, or the file is damaged",
    };
}
