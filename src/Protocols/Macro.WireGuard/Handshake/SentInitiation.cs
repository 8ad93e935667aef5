using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>An initiation that we sent and whose response is awaited: the initiator's half of the handshake. Wiped on disposal.</summary>
sealed class SentInitiation : IDisposable
{
    readonly byte[] _state = GC.AllocateUninitializedArray<byte>(NoiseState.Size, pinned: true);
    readonly PrivateKey _ephemeral;
    EarlyKey? _early;

    SentInitiation(uint index, PrivateKey ephemeral)
    {
        Index = index;
        _ephemeral = ephemeral;
    }

    public uint Index { get; }

    /// <summary>Writes everything of an initiation (148 bytes) but its MACs. False when the other side's key is a low-order point.</summary>
    public static SentInitiation? Write(Span<byte> message, uint index, PrivateKey local, PublicKey remote, IRandom random, Instant now)
    {
        var sent = new SentInitiation(index, PrivateKey.Generate(random));
        if (sent.TryWrite(message, local, remote, now))
            return sent;
        sent.Dispose();
        return null;
    }

    bool TryWrite(Span<byte> message, PrivateKey local, PublicKey remote, Instant now)
    {
        Span<byte> secret = stackalloc byte[PrivateKey.Size];
        Span<byte> key = stackalloc byte[AeadKey.Size];
        Span<byte> field = stackalloc byte[PublicKey.Size];
        message[..Message.InitiationSize].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)MessageType.Initiation);
        BinaryPrimitives.WriteUInt32LittleEndian(message[Message.SenderOffset..], Index);

        var noise = new NoiseState(_state);
        noise.Begin(remote);
        var ephemeral = message.Slice(Message.InitiationEphemeral, PublicKey.Size);
        _ephemeral.PublicKey.Write(ephemeral);
        noise.MixKey(ephemeral);
        noise.MixHash(ephemeral);
        if (!_ephemeral.TryAgree(remote, secret))
            return false;
        noise.MixKey(secret, key);
        local.PublicKey.Write(field);
        noise.Seal(key, field, message.Slice(Message.InitiationStatic, Message.SealedKeySize));
        if (!local.TryAgree(remote, secret))
            return false;
        noise.MixKey(secret, key);
        Tai64N.At(now).Write(field);
        noise.Seal(key, field[..Tai64N.Size], message.Slice(Message.InitiationTimestamp, Message.SealedTimestampSize));
        CryptographicOperations.ZeroMemory(secret);
        CryptographicOperations.ZeroMemory(key);
        return true;
    }

    /// <summary>Seals early data. Returns the datagram's length, 0 when there was enough of it.</summary>
    public int SealEarly(ReadOnlySpan<byte> packet, Span<byte> datagram, SecretBytes? psk, int mtu, int least) =>
        (_early ??= EarlyKey.Derive(_state, psk)).Seal(packet, datagram, mtu, least);

    /// <summary>Reads a response (whitepaper 5.4.3). False, and this state unchanged, when it does not prove the peer.</summary>
    public bool TryReadResponse(ReadOnlySpan<byte> message, PrivateKey local, SecretBytes? psk, out AeadKey send, out AeadKey receive)
    {
        (send, receive) = (null!, null!);
        Span<byte> state = stackalloc byte[NoiseState.Size];
        Span<byte> secret = stackalloc byte[PrivateKey.Size];
        Span<byte> key = stackalloc byte[AeadKey.Size];
        _state.CopyTo(state);
        var noise = new NoiseState(state);
        var ephemeral = message.Slice(Message.ResponseEphemeral, PublicKey.Size);
        var theirs = new PublicKey(ephemeral);
        noise.MixKey(ephemeral);
        noise.MixHash(ephemeral);
        if (!_ephemeral.TryAgree(theirs, secret))
            return false;
        noise.MixKey(secret);
        if (!local.TryAgree(theirs, secret))
            return false;
        noise.MixKey(secret);
        noise.MixPresharedKey(psk, key);
        var ok = noise.TryOpen(key, message.Slice(Message.ResponseEmpty, Message.TagSize), default);
        if (ok)
            (send, receive) = noise.Split();
        CryptographicOperations.ZeroMemory(state);
        CryptographicOperations.ZeroMemory(secret);
        CryptographicOperations.ZeroMemory(key);
        return ok;
    }

    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_state);
        _early?.Dispose();
        _ephemeral.Dispose();
    }
}
