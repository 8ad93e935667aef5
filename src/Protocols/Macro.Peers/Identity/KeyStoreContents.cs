using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>
/// What a key store holds: identity, relay keys, and secrets by name. Byte table: docs/protocol/keystore.md. Owns all of
/// it and wipes it on disposal.
/// </summary>
public sealed class KeyStoreContents(NodeIdentity identity, RelayKeys relayKeys) : IDisposable
{
    /// <summary>Most bytes of a secret, and most secrets.</summary>
    public const int MaxSecretSize = 4096, MaxSecrets = 256;

    const byte FormatVersion = 1;
    const int FixedSize = 1 + 32 + 32 + 8 + 32 + 1 + 32 + 8 + 2;

    readonly SortedDictionary<string, SecretBytes> _secrets = new(StringComparer.Ordinal);

    public NodeIdentity Identity { get; } = identity;

    public RelayKeys RelayKeys { get; } = relayKeys;

    public static KeyStoreContents Generate(IRandom random, Instant now) =>
        new(NodeIdentity.Generate(random), RelayKeys.Generate(random, now));

    /// <summary>The secret of this name, or null. It stays the store's.</summary>
    public SecretBytes? Secret(string name) => _secrets.GetValueOrDefault(name);

    /// <summary>Keeps a copy of a secret under a name of 1..64 visible ASCII characters.</summary>
    public void SetSecret(string name, ReadOnlySpan<byte> secret)
    {
        if (!IsName(name))
            throw new ArgumentException("A secret's name has 1 to 64 visible ASCII characters.", nameof(name));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(secret.Length, MaxSecretSize);
        if (_secrets.Remove(name, out var old))
            old.Dispose();
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(_secrets.Count, MaxSecrets);
        _secrets.Add(name, new SecretBytes(secret));
    }

    /// <summary>Wipes the secret of this name, if there is one.</summary>
    public void RemoveSecret(string name)
    {
        if (_secrets.Remove(name, out var old))
            old.Dispose();
    }

    public void Dispose()
    {
        Identity.Dispose();
        RelayKeys.Dispose();
        foreach (var secret in _secrets.Values)
            secret.Dispose();
    }

    /// <summary>Bytes of <see cref="Encode"/>.</summary>
    internal int EncodedSize => FixedSize + _secrets.Sum(s => 1 + s.Key.Length + 2 + s.Value.Length);

    /// <param name="bytes">Exactly <see cref="EncodedSize"/> bytes, in memory that the caller wipes.</param>
    internal void Encode(Span<byte> bytes)
    {
        var at = 0;
        bytes[at++] = FormatVersion;
        Put(Identity.Seed.Span, bytes, ref at);
        Put(RelayKeys.Current.Span, bytes, ref at);
        PutTime(RelayKeys.CurrentSince, bytes, ref at);
        Put(RelayKeys.Next.Span, bytes, ref at);
        bytes[at++] = (byte)(RelayKeys.Previous is null ? 0 : 1);
        if (RelayKeys.Previous is { } previous)
            previous.Span.CopyTo(bytes[at..]);
        else
            bytes.Slice(at, 32).Clear();
        at += 32;
        PutTime(RelayKeys.PreviousUntil, bytes, ref at);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], (ushort)_secrets.Count);
        at += 2;
        foreach (var (name, secret) in _secrets)
        {
            bytes[at++] = (byte)name.Length;
            at += Encoding.ASCII.GetBytes(name, bytes[at..]);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[at..], (ushort)secret.Length);
            at += 2;
            Put(secret.Span, bytes, ref at);
        }
    }

    /// <summary>False when the bytes are not such a table, to the last byte.</summary>
    internal static bool TryDecode(ReadOnlySpan<byte> bytes, [NotNullWhen(true)] out KeyStoreContents? contents)
    {
        contents = null;
        if (bytes.Length < FixedSize || bytes[0] != FormatVersion || bytes[105] > 1)
            return false;
        var since = ReadTime(bytes[65..]);
        var until = ReadTime(bytes[138..]);
        if (since is null || until is null)
            return false;
        var keys = new RelayKeys(
            PrivateKey.FromBytes(bytes.Slice(33, 32)), since.Value, PrivateKey.FromBytes(bytes.Slice(73, 32)),
            bytes[105] == 1 ? PrivateKey.FromBytes(bytes.Slice(106, 32)) : null, until.Value);
        var read = new KeyStoreContents(new NodeIdentity(bytes.Slice(1, 32)), keys);
        if (!read.TryReadSecrets(bytes[146..]))
        {
            read.Dispose();
            return false;
        }
        contents = read;
        return true;
    }

    bool TryReadSecrets(ReadOnlySpan<byte> bytes)
    {
        var count = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
        bytes = bytes[2..];
        if (count > MaxSecrets)
            return false;
        for (var i = 0; i < count; i++)
        {
            if (bytes.IsEmpty || bytes.Length < 1 + bytes[0] + 2)
                return false;
            var name = Encoding.ASCII.GetString(bytes.Slice(1, bytes[0]));
            bytes = bytes[(1 + bytes[0])..];
            var size = BinaryPrimitives.ReadUInt16LittleEndian(bytes);
            bytes = bytes[2..];
            if (!IsName(name) || _secrets.ContainsKey(name) || size > MaxSecretSize || bytes.Length < size)
                return false;
            _secrets.Add(name, new SecretBytes(bytes[..size]));
            bytes = bytes[size..];
        }
        return bytes.IsEmpty;
    }

    static bool IsName(string name) => name.Length is >= 1 and <= 64 && name.All(c => c is > ' ' and <= '~');

    static void Put(ReadOnlySpan<byte> part, Span<byte> bytes, ref int at)
    {
        part.CopyTo(bytes[at..]);
        at += part.Length;
    }

    static void PutTime(Instant time, Span<byte> bytes, ref int at)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes[at..], time.UnixSeconds);
        at += 8;
    }

    static Instant? ReadTime(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadInt64LittleEndian(bytes) is >= 0 and <= uint.MaxValue and var seconds ? Instant.FromUnixSeconds(seconds) : null;
}
