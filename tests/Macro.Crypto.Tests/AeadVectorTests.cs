namespace Macro.Crypto.Tests;

/// <summary>ChaCha20-Poly1305 and XChaCha20-Poly1305 against the vector files, both ways.</summary>
public class AeadVectorTests
{
    [Fact]
    public void ChaCha20Poly1305_seals_and_opens_every_vector() =>
        Assert.Empty(VectorFile.Failures("chacha20-poly1305.txt", vector => OpensAsSaid(vector) && SealsAsSaid(vector)));

    [Fact]
    public void XChaCha20Poly1305_seals_and_opens_every_vector() =>
        Assert.Empty(VectorFile.Failures("xchacha20-poly1305.txt", vector => ExtendedOpensAsSaid(vector) && ExtendedSealsAsSaid(vector)));

    static bool OpensAsSaid(VectorLine vector)
    {
        using var key = new AeadKey(vector.Bytes(1));
        var text = vector.Bytes(5);
        var opened = key.TryOpen(vector.Bytes(2), text, vector.Bytes(6), vector.Bytes(3));
        return opened == vector.IsValid && (!opened || text.AsSpan().SequenceEqual(vector.Bytes(4)));
    }

    static bool SealsAsSaid(VectorLine vector)
    {
        if (!vector.IsValid)
            return true;
        using var key = new AeadKey(vector.Bytes(1));
        var text = vector.Bytes(4);
        var tag = new byte[AeadKey.TagSize];
        return key.TrySeal(vector.Bytes(2), text, tag, vector.Bytes(3))
            && text.AsSpan().SequenceEqual(vector.Bytes(5)) && tag.AsSpan().SequenceEqual(vector.Bytes(6));
    }

    static bool ExtendedOpensAsSaid(VectorLine vector)
    {
        byte[] sealedText = [.. vector.Bytes(5), .. vector.Bytes(6)];
        var text = new byte[sealedText.Length - XChaCha20Poly1305.TagSize];
        var opened = XChaCha20Poly1305.TryOpen(text, sealedText, vector.Bytes(3), vector.Bytes(2), vector.Bytes(1));
        return opened == vector.IsValid && (!opened || text.AsSpan().SequenceEqual(vector.Bytes(4)));
    }

    static bool ExtendedSealsAsSaid(VectorLine vector)
    {
        if (!vector.IsValid)
            return true;
        var sealedText = new byte[vector.Bytes(4).Length + XChaCha20Poly1305.TagSize];
        XChaCha20Poly1305.Seal(sealedText, vector.Bytes(4), vector.Bytes(3), vector.Bytes(2), vector.Bytes(1));
        return sealedText.AsSpan().SequenceEqual([.. vector.Bytes(5), .. vector.Bytes(6)]);
    }
}
