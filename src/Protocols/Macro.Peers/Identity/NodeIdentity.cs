using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers;

/// <summary>The node's long-lived Ed25519 key: it names the node and signs its descriptors. Wiped on disposal.</summary>
public sealed class NodeIdentity : IDisposable
{
    readonly SigningKey _key;

    /// <param name="seed">32 bytes, copied.</param>
    public NodeIdentity(ReadOnlySpan<byte> seed)
    {
        Seed = new SecretBytes(seed);
        _key = new SigningKey(seed);
        Id = new NodeId(_key.PublicKey);
    }

    public NodeId Id { get; }

    /// <summary>What the key store keeps.</summary>
    internal SecretBytes Seed { get; }

    public static NodeIdentity Generate(IRandom random)
    {
        using var seed = SecretBytes.Random(SigningKey.SeedSize, random);
        return new NodeIdentity(seed.Span);
    }

    /// <param name="signature">64 bytes.</param>
    public void Sign(ReadOnlySpan<byte> message, Span<byte> signature) => _key.Sign(message, signature);

    public void Dispose()
    {
        _key.Dispose();
        Seed.Dispose();
    }
}
