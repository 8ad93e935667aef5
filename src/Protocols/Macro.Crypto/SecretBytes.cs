using System.Security.Cryptography;
using Macro.Core;

namespace Macro.Crypto;

/// <summary>
/// Secret bytes in pinned memory, so that the collector leaves no copies behind, wiped on <see cref="Dispose"/>.
/// Comparison takes the same time whatever the contents; <see cref="ToString"/> tells nothing.
/// </summary>
public class SecretBytes : IDisposable
{
    readonly byte[] _bytes;
    bool _wiped;

    public SecretBytes(ReadOnlySpan<byte> bytes)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(_bytes);
    }

    public static SecretBytes Random(int size, IRandom random)
    {
        var secret = new SecretBytes(new byte[size]);
        random.Fill(secret._bytes);
        return secret;
    }

    public int Length => _bytes.Length;

    public bool IsWiped => _wiped;

    /// <summary>The bytes themselves, until wiped. Do not copy them into ordinary memory.</summary>
    /// <exception cref="ObjectDisposedException">The secret was wiped.</exception>
    public ReadOnlySpan<byte> Span
    {
        get
        {
            ObjectDisposedException.ThrowIf(_wiped, this);
            return _bytes;
        }
    }

    /// <summary>Constant time in the contents.</summary>
    public bool Matches(ReadOnlySpan<byte> other) => CryptographicOperations.FixedTimeEquals(Span, other);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
        CryptographicOperations.ZeroMemory(_bytes);
        _wiped = true;
    }

    public override string ToString() => _wiped ? "(wiped)" : "(secret)";
}
