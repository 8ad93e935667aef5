namespace Macro.Crypto.Tests;

public class Ed25519Tests
{
    [Fact]
    public void Signs_every_vector()
    {
        Assert.Empty(VectorFile.Failures("ed25519-sign.txt", vector =>
        {
            using var key = new SigningKey(vector.Bytes(1));
            var signature = new byte[SigningKey.SignatureSize];
            key.Sign(vector.Bytes(3), signature);
            return key.PublicKey.ToArray().AsSpan().SequenceEqual(vector.Bytes(2)) && signature.AsSpan().SequenceEqual(vector.Bytes(4));
        }));
    }

    [Fact]
    public void Verifies_strictly() =>
        Assert.Empty(VectorFile.Failures("ed25519-verify.txt", vector => Ed25519.Verify(new PublicKey(vector.Bytes(1)), vector.Bytes(2), vector.Bytes(3)) == vector.IsValid));
}
