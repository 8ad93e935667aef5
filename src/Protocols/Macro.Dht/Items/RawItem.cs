using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// A mutable item as a node sent it (BEP 44): sizes are right, nothing is verified. The salt does not travel with it; who
/// knows it hands all to <see cref="MutableItem.TryVerify"/>.
/// </summary>
/// <param name="Sequence">Any number.</param>
/// <param name="Signature">64 bytes.</param>
/// <param name="Value">Bencode, 1..1000 bytes.</param>
public sealed record RawItem(PublicKey Key, long Sequence, ReadOnlyMemory<byte> Signature, ReadOnlyMemory<byte> Value)
{
    /// <summary>Null when the answer holds no mutable item.</summary>
    internal static RawItem? Of(in Message answer) =>
        answer is { Key: { } key, Sequence: { } sequence, Signature.Length: SigningKey.SignatureSize, Value.Length: > 0 and <= MutableItem.MaxValue }
            ? new RawItem(key, sequence, answer.Signature.ToArray(), answer.Value.ToArray())
            : null;
}
