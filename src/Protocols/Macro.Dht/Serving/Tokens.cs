using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// Write tokens (BEP 5): a keyed hash of the asker's address and what he asked for, so that only who receives at an address
/// stores from it. The secret changes every five minutes; tokens of the one before still hold.
/// </summary>
sealed class Tokens(IRandom random, Instant now)
{
    public const int Size = 8;

    static readonly TimeSpan s_life = TimeSpan.FromMinutes(5);

    readonly byte[] _secrets = NewSecrets(random);
    Instant _changed = now;

    /// <summary>Writes 8 bytes.</summary>
    public void Write(Span<byte> token, IpAddress asker, Id160 target, Instant now)
    {
        Rotate(now);
        Compute(token, _secrets.AsSpan(0, Blake2s.HashSize), asker, target);
    }

    public bool Holds(ReadOnlySpan<byte> token, IpAddress asker, Id160 target, Instant now)
    {
        Rotate(now);
        Span<byte> expected = stackalloc byte[Size];
        Compute(expected, _secrets.AsSpan(0, Blake2s.HashSize), asker, target);
        if (CryptographicOperations.FixedTimeEquals(expected, token))
            return true;
        Compute(expected, _secrets.AsSpan(Blake2s.HashSize), asker, target);
        return CryptographicOperations.FixedTimeEquals(expected, token);
    }

    void Rotate(Instant now)
    {
        if (now - _changed < s_life)
            return;
        // After a long silence the old secret must not live on.
        if (now - _changed < 2 * s_life)
            _secrets.AsSpan(0, Blake2s.HashSize).CopyTo(_secrets.AsSpan(Blake2s.HashSize));
        else
            random.Fill(_secrets.AsSpan(Blake2s.HashSize));
        random.Fill(_secrets.AsSpan(0, Blake2s.HashSize));
        _changed = now;
    }

    static void Compute(Span<byte> token, ReadOnlySpan<byte> secret, IpAddress asker, Id160 target)
    {
        Span<byte> input = stackalloc byte[16 + Id160.Size];
        asker.WriteMapped(input);
        target.Write(input[16..]);
        Span<byte> mac = stackalloc byte[Blake2s.MacSize];
        Blake2s.Mac(mac, secret, input);
        mac[..Size].CopyTo(token);
    }

    static byte[] NewSecrets(IRandom random)
    {
        var secrets = new byte[2 * Blake2s.HashSize];
        random.Fill(secrets);
        return secrets;
    }
}
