using System.Runtime.InteropServices;

namespace Macro.Crypto;

/// <summary>X25519 (RFC 7748 section 5) by libsodium, constant time in the scalar.</summary>
static class X25519
{
    /// <summary>All spans 32 bytes. False when the shared secret is all zero (low-order point).</summary>
    public static bool TryScalarMult(Span<byte> shared, ReadOnlySpan<byte> scalar, ReadOnlySpan<byte> point)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(shared.Length, 32);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scalar.Length, 32);
        ArgumentOutOfRangeException.ThrowIfNotEqual(point.Length, 32);
        return Sodium.crypto_scalarmult_curve25519(
            ref MemoryMarshal.GetReference(shared), in MemoryMarshal.GetReference(scalar), in MemoryMarshal.GetReference(point)) == 0;
    }

    public static void ScalarMultBase(Span<byte> point, ReadOnlySpan<byte> scalar)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(point.Length, 32);
        ArgumentOutOfRangeException.ThrowIfNotEqual(scalar.Length, 32);
        _ = Sodium.crypto_scalarmult_curve25519_base(ref MemoryMarshal.GetReference(point), in MemoryMarshal.GetReference(scalar));
    }
}
