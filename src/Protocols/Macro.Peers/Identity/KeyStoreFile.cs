using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;
using Argon2id = NSec.Cryptography.Argon2id;
using Argon2Parameters = NSec.Cryptography.Argon2Parameters;

namespace Macro.Peers;

/// <summary>What the key of the seal is made from, in the order of preference.</summary>
public enum SealingMethod : byte
{
    Passphrase = 1,
    SystemdCredential = 2,
    KeyFile = 3,
}

/// <summary>What a try to open a key store came to.</summary>
public enum KeyStoreVerdict
{
    Opened,

    /// <summary>Not a key store at all, or cut short.</summary>
    NotAKeyStore,

    /// <summary>Made by a newer program.</summary>
    UnsupportedVersion,

    /// <summary>Sealed by another method than the secret that was offered.</summary>
    OtherMethod,

    /// <summary>The secret is wrong or the file was changed; a seal cannot tell which.</summary>
    WrongSecretOrDamaged,
}

/// <summary>A secret to seal with, and its method. The bytes stay the caller's.</summary>
public readonly record struct SealingSecret(SealingMethod Method, SecretBytes Bytes);

/// <summary>
/// The file of a key store: a header of 60 bytes and <see cref="KeyStoreContents"/> sealed with XChaCha20-Poly1305, the
/// header as associated data. Byte table: docs/protocol/keystore.md.
/// </summary>
public static class KeyStoreFile
{
    /// <summary>Cost of a passphrase guess: RFC 9106's second recommendation (64 MiB, 3 passes), with one lane.</summary>
    public const int DefaultMemoryKiB = 65536, DefaultPasses = 3;

    /// <summary>Bounds of what a file may ask for, so that a forged one cannot exhaust this machine.</summary>
    public const int MaxMemoryKiB = 1 << 20, MaxPasses = 16;

    const int HeaderSize = 60, SaltAt = 20, SaltSize = 16, NonceAt = 36, MaxFileSize = 1 << 21;
    const byte FormatVersion = 1;

    static ReadOnlySpan<byte> Magic => "macrokey"u8;

    static ReadOnlySpan<byte> Label => "macro key store 1"u8;

    /// <param name="memoryKiB">Argon2id memory, 8..<see cref="MaxMemoryKiB"/>; counts for a passphrase only.</param>
    /// <param name="passes">Argon2id passes, 1..<see cref="MaxPasses"/>.</param>
    public static byte[] Seal(
        KeyStoreContents contents, SealingSecret secret, IRandom random, int memoryKiB = DefaultMemoryKiB, int passes = DefaultPasses)
    {
        ArgumentNullException.ThrowIfNull(contents);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(memoryKiB, MaxMemoryKiB);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(passes, MaxPasses);
        var plain = GC.AllocateArray<byte>(contents.EncodedSize, pinned: true);
        var file = new byte[HeaderSize + plain.Length + XChaCha20Poly1305.TagSize];
        var header = file.AsSpan(0, HeaderSize);
        Magic.CopyTo(header);
        header[8] = FormatVersion;
        header[9] = (byte)secret.Method;
        if (secret.Method == SealingMethod.Passphrase)
        {
            BinaryPrimitives.WriteInt32LittleEndian(header[12..], memoryKiB);
            BinaryPrimitives.WriteInt32LittleEndian(header[16..], passes);
        }
        random.Fill(header[SaltAt..]);
        Span<byte> key = stackalloc byte[XChaCha20Poly1305.KeySize];
        try
        {
            DeriveKey(key, secret, header, memoryKiB, passes);
            contents.Encode(plain);
            XChaCha20Poly1305.Seal(file.AsSpan(HeaderSize), plain, header, header[NonceAt..], key);
            return file;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    /// <summary>The method that a file names; false when it is no key store of this version.</summary>
    public static bool TryReadMethod(ReadOnlySpan<byte> file, out SealingMethod method)
    {
        method = default;
        if (ReadHeader(file, out _, out _) != KeyStoreVerdict.Opened)
            return false;
        method = (SealingMethod)file[9];
        return true;
    }

    /// <param name="contents">Not null when, and only when, the verdict is Opened; the caller's to dispose.</param>
    public static KeyStoreVerdict TryOpen(ReadOnlySpan<byte> file, SealingSecret secret, out KeyStoreContents? contents)
    {
        contents = null;
        var verdict = ReadHeader(file, out var memoryKiB, out var passes);
        if (verdict != KeyStoreVerdict.Opened)
            return verdict;
        if (file[9] != (byte)secret.Method)
            return KeyStoreVerdict.OtherMethod;

        var header = file[..HeaderSize];
        var plain = GC.AllocateArray<byte>(file.Length - HeaderSize - XChaCha20Poly1305.TagSize, pinned: true);
        Span<byte> key = stackalloc byte[XChaCha20Poly1305.KeySize];
        try
        {
            DeriveKey(key, secret, header, memoryKiB, passes);
            return XChaCha20Poly1305.TryOpen(plain, file[HeaderSize..], header, header[NonceAt..], key)
                && KeyStoreContents.TryDecode(plain, out contents)
                ? KeyStoreVerdict.Opened
                : KeyStoreVerdict.WrongSecretOrDamaged;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
            CryptographicOperations.ZeroMemory(key);
        }
    }

    static KeyStoreVerdict ReadHeader(ReadOnlySpan<byte> file, out int memoryKiB, out int passes)
    {
        memoryKiB = passes = 0;
        if (file.Length is < HeaderSize + XChaCha20Poly1305.TagSize or > MaxFileSize || !file.StartsWith(Magic))
            return KeyStoreVerdict.NotAKeyStore;
        if (file[8] != FormatVersion)
            return KeyStoreVerdict.UnsupportedVersion;
        memoryKiB = BinaryPrimitives.ReadInt32LittleEndian(file[12..]);
        passes = BinaryPrimitives.ReadInt32LittleEndian(file[16..]);
        var costIsSane = file[9] == (byte)SealingMethod.Passphrase
            ? memoryKiB is >= 8 and <= MaxMemoryKiB && passes is >= 1 and <= MaxPasses
            : memoryKiB == 0 && passes == 0;
        return file[9] is >= (byte)SealingMethod.Passphrase and <= (byte)SealingMethod.KeyFile && file[10] == 0 && file[11] == 0 && costIsSane
            ? KeyStoreVerdict.Opened
            : KeyStoreVerdict.NotAKeyStore;
    }

    static void DeriveKey(Span<byte> key, SealingSecret secret, ReadOnlySpan<byte> header, int memoryKiB, int passes)
    {
        var salt = header.Slice(SaltAt, SaltSize);
        if (secret.Method != SealingMethod.Passphrase)
        {
            // A credential or key file has full entropy: one keyed hash binds it to this file and use.
            Span<byte> purpose = stackalloc byte[17 + SaltSize];
            Label.CopyTo(purpose);
            salt.CopyTo(purpose[17..]);
            Blake2s.Hmac(key, secret.Bytes.Span, purpose);
            return;
        }
        var argon2 = new Argon2id(new Argon2Parameters { DegreeOfParallelism = 1, MemorySize = memoryKiB, NumberOfPasses = passes });
        argon2.DeriveBytes(secret.Bytes.Span, salt, key);
    }
}
