using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Daemon.Storage;

/// <summary>
/// Files of the data folder that whoever takes the disk must not read: sealed with XChaCha20-Poly1305 under a key in the key store,
/// the file's name as associated data. Layout: nonce 24 bytes, ciphertext, tag 16 bytes.
/// </summary>
public sealed class SealedFolder(DataFolder folder, KeyRing keys, IRandom random)
{
    const string KeyName = "cache";

    public void Write(string name, ReadOnlySpan<byte> plain)
    {
        var file = new byte[XChaCha20Poly1305.NonceSize + plain.Length + XChaCha20Poly1305.TagSize];
        var nonce = file.AsSpan(0, XChaCha20Poly1305.NonceSize);
        random.Fill(nonce);
        using var key = Key();
        XChaCha20Poly1305.Seal(file.AsSpan(XChaCha20Poly1305.NonceSize), plain, Encoding.ASCII.GetBytes(name), nonce, key.Span);
        folder.Write(name, file);
    }

    /// <summary>Null when there is no such file, or it is damaged or sealed under another key.</summary>
    public byte[]? TryRead(string name)
    {
        if (folder.TryRead(name) is not { } file || file.Length < XChaCha20Poly1305.NonceSize + XChaCha20Poly1305.TagSize)
            return null;
        using var key = Key();
        var plain = new byte[file.Length - XChaCha20Poly1305.NonceSize - XChaCha20Poly1305.TagSize];
        return XChaCha20Poly1305.TryOpen(
            plain, file.AsSpan(XChaCha20Poly1305.NonceSize), Encoding.ASCII.GetBytes(name), file.AsSpan(0, XChaCha20Poly1305.NonceSize), key.Span)
            ? plain
            : null;
    }

    SecretBytes Key()
    {
        if (keys.CopySecret(KeyName) is { } key)
            return key;
        key = SecretBytes.Random(XChaCha20Poly1305.KeySize, random);
        keys.SetSecret(KeyName, key.Span);
        return key;
    }
}
