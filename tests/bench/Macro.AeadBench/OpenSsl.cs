using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Macro.AeadBench;

/// <summary>OpenSSL's EVP with one context per key and direction, kept: only the nonce is set for each packet.</summary>
sealed class OpenSsl : IDisposable
{
    const int ControlGetTag = 0x10, ControlSetTag = 0x11, TagSize = 16;

    const string Library = "libcrypto.so.3";

    readonly nint _seal, _open;

    public OpenSsl(byte[] key)
    {
        _seal = EVP_CIPHER_CTX_new();
        _open = EVP_CIPHER_CTX_new();
        Check(EVP_CipherInit_ex(_seal, EVP_chacha20_poly1305(), 0, in key[0], in key[0], 1));
        Check(EVP_CipherInit_ex(_open, EVP_chacha20_poly1305(), 0, in key[0], in key[0], 0));
    }

    /// <summary>The version, as in "OpenSSL 3.0.20 7 Apr 2026".</summary>
    public static string Version => Marshal.PtrToStringUTF8(OpenSSL_version(0)) ?? "OpenSSL";

    public void Seal(ulong counter, Span<byte> text, Span<byte> tag)
    {
        Run(_seal, 1, counter, text);
        Check(EVP_CIPHER_CTX_ctrl(_seal, ControlGetTag, TagSize, ref tag[0]));
    }

    public bool TryOpen(ulong counter, Span<byte> text, Span<byte> tag)
    {
        Check(EVP_CIPHER_CTX_ctrl(_open, ControlSetTag, TagSize, ref tag[0]));
        return Run(_open, 0, counter, text);
    }

    public void Dispose()
    {
        EVP_CIPHER_CTX_free(_seal);
        EVP_CIPHER_CTX_free(_open);
    }

    static bool Run(nint context, int encrypt, ulong counter, Span<byte> text)
    {
        Span<byte> nonce = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce[4..], counter);
        Check(EVP_CipherInit_ex(context, 0, 0, in NoKey, in nonce[0], encrypt));
        ref var bytes = ref MemoryMarshal.GetReference(text);
        Check(EVP_CipherUpdate(context, ref bytes, out _, in bytes, text.Length));
        return EVP_CipherFinal_ex(context, ref bytes, out _) == 1;
    }

    static ref readonly byte NoKey => ref System.Runtime.CompilerServices.Unsafe.NullRef<byte>();

    static void Check(int result)
    {
        if (result != 1)
            throw new InvalidOperationException("OpenSSL refused.");
    }

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern nint OpenSSL_version(int type);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern nint EVP_chacha20_poly1305();

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern nint EVP_CIPHER_CTX_new();

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern void EVP_CIPHER_CTX_free(nint context);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int EVP_CipherInit_ex(nint context, nint cipher, nint engine, in byte key, in byte nonce, int encrypt);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int EVP_CipherUpdate(nint context, ref byte to, out int written, in byte from, int length);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int EVP_CipherFinal_ex(nint context, ref byte to, out int written);

    [DllImport(Library), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    static extern int EVP_CIPHER_CTX_ctrl(nint context, int type, int argument, ref byte pointer);
}
