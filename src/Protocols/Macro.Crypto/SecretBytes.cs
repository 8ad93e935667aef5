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
    volatile bool _wiped;

    public SecretBytes(ReadOnlySpan<byte> bytes) : this(bytes.Length) => bytes.CopyTo(_bytes);

    SecretBytes(int size) => _bytes = GC.AllocateArray<byte>(size, pinned: true);

    public static SecretBytes Random(int size, IRandom random)
    {
        var secret = new SecretBytes(size);
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

    /// <summary>
    /// Copies the secret to the caller's stack, who wipes it. False when it was wiped, even by another thread half-way
    /// through: a key that is partly zero never comes out.
    /// </summary>
    internal bool TryCopyTo(Span<byte> destination)
    {
        _bytes.CopyTo(destination);
        Volatile.ReadBarrier();
        if (!_wiped)
            return true;
        CryptographicOperations.ZeroMemory(destination);
        return false;
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
        _wiped = true;
        Volatile.WriteBarrier();
        CryptographicOperations.ZeroMemory(_bytes);
    }

    public override string ToString() => _wiped ? "(wiped)" : "(secret)";
}
