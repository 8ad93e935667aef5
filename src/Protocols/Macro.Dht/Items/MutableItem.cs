using System.Diagnostics.CodeAnalysis;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// A mutable item (BEP 44): a bencoded value signed together with its sequence number and salt. An instance has a valid
/// signature, whoever made it.
/// </summary>
public sealed class MutableItem
{
    /// <summary>Most bytes of the bencoded value, and of the salt.</summary>
    public const int MaxValue = 1000, MaxSalt = 64;

    MutableItem(PublicKey key, byte[] salt, long sequence, byte[] value, byte[] signature)
    {
        Key = key;
        Salt = salt;
        Sequence = sequence;
        Value = value;
        Signature = signature;
    }

    public PublicKey Key { get; }

    /// <summary>0..64 bytes.</summary>
    public ReadOnlyMemory<byte> Salt { get; }

    /// <summary>Not negative; of two items of a key and salt the higher counts.</summary>
    public long Sequence { get; }

    /// <summary>Bencode, 1..1000 bytes.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>64 bytes.</summary>
    public ReadOnlyMemory<byte> Signature { get; }

    /// <summary>Where the item is stored.</summary>
    public Id160 Target => TargetOf(Key, Salt.Span);

    /// <summary>SHA-1 of key and salt.</summary>
    public static Id160 TargetOf(PublicKey key, ReadOnlySpan<byte> salt)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(salt.Length, MaxSalt);
        Span<byte> bytes = stackalloc byte[PublicKey.Size + MaxSalt];
        key.Write(bytes);
        salt.CopyTo(bytes[PublicKey.Size..]);
        return Id160.HashOf(bytes[..(PublicKey.Size + salt.Length)]);
    }

    /// <param name="value">Bencode, 1..1000 bytes.</param>
    /// <exception cref="ArgumentException">Value or salt are too long, the value is not bencode, or the number is negative.</exception>
    public static MutableItem Sign(SigningKey key, ReadOnlySpan<byte> salt, long sequence, ReadOnlySpan<byte> value)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(salt.Length, MaxSalt);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, MaxValue);
        if (!BencodeValue.TryParse(value, out _))
            throw new ArgumentException("The value is not bencode.", nameof(value));
        var signature = new byte[SigningKey.SignatureSize];
        Span<byte> buffer = stackalloc byte[SigningBufferSize];
        key.Sign(buffer[..WriteSigningBuffer(buffer, salt, sequence, value)], signature);
        return new MutableItem(key.PublicKey, salt.ToArray(), sequence, value.ToArray(), signature);
    }

    /// <summary>Checks everything; never throws.</summary>
    public static bool TryVerify(
        PublicKey key, ReadOnlySpan<byte> salt, long sequence, ReadOnlySpan<byte> value, ReadOnlySpan<byte> signature,
        [NotNullWhen(true)] out MutableItem? item)
    {
        item = null;
        if (salt.Length > MaxSalt || sequence < 0 || value.Length > MaxValue || !BencodeValue.TryParse(value, out _))
            return false;
        Span<byte> buffer = stackalloc byte[SigningBufferSize];
        if (!Ed25519.Verify(key, buffer[..WriteSigningBuffer(buffer, salt, sequence, value)], signature))
            return false;
        item = new MutableItem(key, salt.ToArray(), sequence, value.ToArray(), signature.ToArray());
        return true;
    }

    const int SigningBufferSize = MaxSalt + MaxValue + 64;

    /// <summary>What is signed: ["4:salt" salt] "3:seqi" seq "e1:v" value, the value with its own bencode prefix.</summary>
    internal static int WriteSigningBuffer(Span<byte> buffer, ReadOnlySpan<byte> salt, long sequence, ReadOnlySpan<byte> value)
    {
        var writer = new BencodeWriter(buffer);
        if (!salt.IsEmpty)
            writer.String("salt"u8, salt);
        writer.Integer("seq"u8, sequence);
        writer.String("v"u8);
        writer.Raw(value);
        return writer.Length;
    }
}

/// <summary>Values as items carry them.</summary>
public static class ItemValue
{
    /// <summary>A byte string as a bencoded value: its length in decimal, a colon, the bytes.</summary>
    public static byte[] FromBytes(ReadOnlySpan<byte> bytes)
    {
        var buffer = new byte[bytes.Length + 12];
        var writer = new BencodeWriter(buffer);
        writer.String(bytes);
        return buffer[..writer.Length];
    }

    /// <summary>The bytes of a value that is a byte string.</summary>
    public static bool TryGetBytes(ReadOnlySpan<byte> value, out ReadOnlySpan<byte> bytes)
    {
        bytes = default;
        return BencodeValue.TryParse(value, out var parsed) && parsed.TryGetString(out bytes);
    }
}
