using System.Runtime.InteropServices;

namespace Macro.Crypto;

/// <summary>The functions of libsodium (as packaged with NSec) that NSec offers only through allocating key objects.</summary>
static class Sodium
{
    const string Library = "libsodium";

    static Sodium() => _ = sodium_init();

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    static extern int sodium_init();

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_scalarmult_curve25519(ref byte q, in byte n, in byte p);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_scalarmult_curve25519_base(ref byte q, in byte n);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_aead_xchacha20poly1305_ietf_encrypt(
        ref byte c, out ulong clen, in byte m, ulong mlen, in byte ad, ulong adlen, nint nsec, in byte npub, in byte k);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_aead_xchacha20poly1305_ietf_decrypt(
        ref byte m, out ulong mlen, nint nsec, in byte c, ulong clen, in byte ad, ulong adlen, in byte npub, in byte k);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_aead_chacha20poly1305_ietf_encrypt_detached(
        ref byte c, ref byte mac, out ulong maclen, in byte m, ulong mlen, in byte ad, ulong adlen, nint nsec, in byte npub, in byte k);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    public static extern int crypto_aead_chacha20poly1305_ietf_decrypt_detached(
        ref byte m, nint nsec, in byte c, ulong clen, in byte mac, in byte ad, ulong adlen, in byte npub, in byte k);
}
