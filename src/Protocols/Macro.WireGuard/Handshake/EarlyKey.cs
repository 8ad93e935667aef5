using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// The key of early data: what an initiator sends right behind its initiation, before anything came back. It follows from the
/// first handshake message alone, so whoever gets the responder's static key reads it ever after, and whoever saw it can send it again: the
/// responder must take care of that. WireGuard has none, and its own keys do not depend on this one. Both sides make it; wiped on
/// disposal. Documented in docs/protocol/early.md.
/// </summary>
public sealed class EarlyKey : IDisposable
{
    /// <summary>Messages that one key seals and opens.</summary>
    public const int MostMessages = 8;

    readonly byte[] _key = GC.AllocateUninitializedArray<byte>(AeadKey.Size, pinned: true);
    uint _seen;
    int _sent;

    EarlyKey()
    {
    }

    /// <summary>The receiver index that its messages bear. Only the two sides know beforehand which one it is.</summary>
    public uint Index { get; private set; }

    /// <summary>(key, index) := KDF2(ck, "macro early 1" || h || psk), ck and h being those after the first message.</summary>
    /// <param name="state">Chaining key, then hash: 64 bytes.</param>
    internal static EarlyKey Derive(ReadOnlySpan<byte> state, SecretBytes? psk)
    {
        var label = "macro early 1"u8;
        Span<byte> input = stackalloc byte[label.Length + 2 * Blake2s.HashSize];
        Span<byte> index = stackalloc byte[Blake2s.HashSize];
        input.Clear();
        label.CopyTo(input);
        state.Slice(Blake2s.HashSize, Blake2s.HashSize).CopyTo(input[label.Length..]);
        psk?.Span.CopyTo(input[^Blake2s.HashSize..]);
        var early = new EarlyKey();
        Blake2s.Kdf(state[..Blake2s.HashSize], input, early._key, index);
        early.Index = BinaryPrimitives.ReadUInt32LittleEndian(index);
        CryptographicOperations.ZeroMemory(input);
        return early;
    }

    /// <summary>Looks like early data, as far as can be told without the key. Cheap.</summary>
    public static bool MayBe(ReadOnlySpan<byte> data) => Message.ReadCounter(data) < MostMessages;

    /// <summary>As <see cref="Session.Seal"/>. 0 when the key has sealed as many messages as it may.</summary>
    internal int Seal(ReadOnlySpan<byte> packet, Span<byte> datagram, int mtu, int least)
    {
        if (_sent == MostMessages)
            return 0;
        var padded = Math.Max(Message.PaddedLength(packet.Length, mtu), least);
        var text = datagram.Slice(Message.DataHeaderSize, padded);
        packet.CopyTo(text);
        text[packet.Length..].Clear();
        Message.WriteData(datagram, Index, (ulong)_sent);
        using (var aead = new AeadKey(_key))
            aead.Seal((ulong)_sent++, text, datagram.Slice(Message.DataHeaderSize + padded, Message.TagSize));
        return padded + Message.DataOverhead;
    }

    /// <summary>Opens one data message in place, each once. The plaintext still has its padding.</summary>
    public bool TryOpen(Span<byte> datagram, out Span<byte> plaintext)
    {
        plaintext = default;
        if (datagram.Length < Message.DataOverhead || !MayBe(datagram))
            return false;
        var counter = (int)Message.ReadCounter(datagram);
        if ((_seen >> counter & 1) != 0)
            return false;
        var text = datagram[Message.DataHeaderSize..^Message.TagSize];
        using (var aead = new AeadKey(_key))
        {
            if (!aead.TryOpen((ulong)counter, text, datagram[^Message.TagSize..]))
                return false;
        }
        _seen |= 1u << counter;
        plaintext = text;
        return true;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);
}
