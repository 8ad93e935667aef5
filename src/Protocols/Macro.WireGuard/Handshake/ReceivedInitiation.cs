using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// An initiation that was read and whose sender's static key is proven: the responder's half of the handshake, made by
/// <see cref="HandshakeGate.TryReadInitiation"/>, used up by <see cref="Tunnel.AcceptInitiation"/>. Wiped on disposal.
/// </summary>
public sealed class ReceivedInitiation : IDisposable
{
    readonly byte[] _state = GC.AllocateUninitializedArray<byte>(NoiseState.Size, pinned: true);

    ReceivedInitiation(PrivateKey local) => Local = local;

    /// <summary>The initiator's static key, by which the owner finds or makes the tunnel.</summary>
    public PublicKey Remote { get; private set; }

    /// <summary>The index that the initiator chose for itself.</summary>
    public uint SenderIndex { get; private set; }

    /// <summary>Our static key that it was addressed to.</summary>
    public PrivateKey Local { get; }

    internal Tai64N Timestamp { get; private set; }

    PublicKey Ephemeral { get; set; }

    internal static bool TryRead(ReadOnlySpan<byte> message, PrivateKey local, [NotNullWhen(true)] out ReceivedInitiation? initiation)
    {
        initiation = new ReceivedInitiation(local);
        if (initiation.TryRead(message))
            return true;
        initiation.Dispose();
        initiation = null;
        return false;
    }

    bool TryRead(ReadOnlySpan<byte> message)
    {
        Span<byte> secret = stackalloc byte[PrivateKey.Size];
        Span<byte> key = stackalloc byte[AeadKey.Size];
        Span<byte> field = stackalloc byte[PublicKey.Size];
        var noise = new NoiseState(_state);
        noise.Begin(Local.PublicKey);
        var ephemeral = message.Slice(Message.InitiationEphemeral, PublicKey.Size);
        Ephemeral = new PublicKey(ephemeral);
        noise.MixKey(ephemeral);
        noise.MixHash(ephemeral);
        if (!Local.TryAgree(Ephemeral, secret))
            return false;
        noise.MixKey(secret, key);
        if (!noise.TryOpen(key, message.Slice(Message.InitiationStatic, Message.SealedKeySize), field))
            return false;
        Remote = new PublicKey(field);
        if (!Local.TryAgree(Remote, secret))
            return false;
        noise.MixKey(secret, key);
        if (!noise.TryOpen(key, message.Slice(Message.InitiationTimestamp, Message.SealedTimestampSize), field[..Tai64N.Size]))
            return false;
        Timestamp = Tai64N.Read(field);
        SenderIndex = BinaryPrimitives.ReadUInt32LittleEndian(message[Message.SenderOffset..]);
        CryptographicOperations.ZeroMemory(secret);
        CryptographicOperations.ZeroMemory(key);
        return true;
    }

    /// <summary>Writes everything of a response (92 bytes) but its MACs, and derives the keys. Uses the state up.</summary>
    internal bool TryRespond(Span<byte> message, uint index, SecretBytes? psk, IRandom random, out AeadKey send, out AeadKey receive)
    {
        (send, receive) = (null!, null!);
        Span<byte> secret = stackalloc byte[PrivateKey.Size];
        Span<byte> key = stackalloc byte[AeadKey.Size];
        message[..Message.ResponseSize].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)MessageType.Response);
        BinaryPrimitives.WriteUInt32LittleEndian(message[Message.SenderOffset..], index);
        BinaryPrimitives.WriteUInt32LittleEndian(message[Message.ResponseReceiver..], SenderIndex);

        var noise = new NoiseState(_state);
        using var mine = PrivateKey.Generate(random);
        var ephemeral = message.Slice(Message.ResponseEphemeral, PublicKey.Size);
        mine.PublicKey.Write(ephemeral);
        noise.MixKey(ephemeral);
        noise.MixHash(ephemeral);
        if (!mine.TryAgree(Ephemeral, secret))
            return false;
        noise.MixKey(secret);
        if (!mine.TryAgree(Remote, secret))
            return false;
        noise.MixKey(secret);
        noise.MixPresharedKey(psk, key);
        noise.Seal(key, default, message.Slice(Message.ResponseEmpty, Message.TagSize));
        (receive, send) = noise.Split();
        CryptographicOperations.ZeroMemory(secret);
        CryptographicOperations.ZeroMemory(key);
        Dispose();
        return true;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_state);
}
