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
    /// <summary>What <see cref="TryMultiply"/> yields, in the order of its jobs.</summary>
    const int StaticStatic = 0, OwnEphemeral = 1, EphemeralEphemeral = 2, EphemeralStatic = 3, Products = 4;

    readonly byte[] _memory = GC.AllocateUninitializedArray<byte>(NoiseState.Size + Products * X25519.Size, pinned: true);

    ReceivedInitiation(PrivateKey local) => Local = local;

    /// <summary>The initiator's static key, by which the owner finds or makes the tunnel.</summary>
    public PublicKey Remote { get; private set; }

    /// <summary>The index that the initiator chose for itself.</summary>
    public uint SenderIndex { get; private set; }

    /// <summary>Our static key that it was addressed to.</summary>
    public PrivateKey Local { get; }

    /// <summary>When it was made, by the initiator's clock.</summary>
    public Instant Made => Timestamp.ToInstant();

    internal Tai64N Timestamp { get; private set; }

    PublicKey Ephemeral { get; set; }

    Span<byte> State => _memory.AsSpan(0, NoiseState.Size);

    internal static bool TryRead(ReadOnlySpan<byte> message, PrivateKey local, IRandom random, [NotNullWhen(true)] out ReceivedInitiation? initiation)
    {
        initiation = new ReceivedInitiation(local);
        if (initiation.TryRead(message, random))
            return true;
        initiation.Dispose();
        initiation = null;
        return false;
    }

    bool TryRead(ReadOnlySpan<byte> message, IRandom random)
    {
        Span<byte> secret = stackalloc byte[PrivateKey.Size];
        Span<byte> key = stackalloc byte[AeadKey.Size];
        Span<byte> field = stackalloc byte[PublicKey.Size];
        var noise = new NoiseState(State);
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
        if (!TryMultiply(random))
            return false;
        noise.MixKey(Product(StaticStatic), key);
        if (!noise.TryOpen(key, message.Slice(Message.InitiationTimestamp, Message.SealedTimestampSize), field[..Tai64N.Size]))
            return false;
        Timestamp = Tai64N.Read(field);
        SenderIndex = BinaryPrimitives.ReadUInt32LittleEndian(message[Message.SenderOffset..]);
        CryptographicOperations.ZeroMemory(secret);
        CryptographicOperations.ZeroMemory(key);
        return true;
    }

    /// <summary>
    /// The responder's multiplications that are left once the initiator's static key is known. The answer's three belong to
    /// a later step, but side by side all four cost little more than this step's one.
    /// </summary>
    bool TryMultiply(IRandom random)
    {
        using var ephemeral = SecretBytes.Random(PrivateKey.Size, random);
        Span<X25519Job> jobs =
        [
            new() { Scalar = Local, Point = Remote },
            new() { Scalar = ephemeral, Point = X25519.BasePoint },
            new() { Scalar = ephemeral, Point = Ephemeral },
            new() { Scalar = ephemeral, Point = Remote },
        ];
        X25519.Multiply(_memory.AsSpan(NoiseState.Size), jobs);
        var ok = true;
        foreach (ref readonly var job in jobs)
            ok &= job.Ok;
        return ok;
    }

    /// <summary>Opens what the initiator sends before it has the answer. To be called before <see cref="Tunnel.AcceptInitiation"/>.</summary>
    /// <param name="psk">That of the tunnel.</param>
    public EarlyKey DeriveEarlyKey(SecretBytes? psk) => EarlyKey.Derive(State, psk);

    /// <summary>Writes everything of a response (92 bytes) but its MACs, and derives the keys. Uses the state up.</summary>
    internal void Respond(Span<byte> message, uint index, SecretBytes? psk, out AeadKey send, out AeadKey receive)
    {
        Span<byte> key = stackalloc byte[AeadKey.Size];
        message[..Message.ResponseSize].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)MessageType.Response);
        BinaryPrimitives.WriteUInt32LittleEndian(message[Message.SenderOffset..], index);
        BinaryPrimitives.WriteUInt32LittleEndian(message[Message.ResponseReceiver..], SenderIndex);

        var noise = new NoiseState(State);
        var ephemeral = message.Slice(Message.ResponseEphemeral, PublicKey.Size);
        Product(OwnEphemeral).CopyTo(ephemeral);
        noise.MixKey(ephemeral);
        noise.MixHash(ephemeral);
        noise.MixKey(Product(EphemeralEphemeral));
        noise.MixKey(Product(EphemeralStatic));
        noise.MixPresharedKey(psk, key);
        noise.Seal(key, default, message.Slice(Message.ResponseEmpty, Message.TagSize));
        (receive, send) = noise.Split();
        CryptographicOperations.ZeroMemory(key);
        Dispose();
    }

    ReadOnlySpan<byte> Product(int which) => _memory.AsSpan(NoiseState.Size + X25519.Size * which, X25519.Size);

    public void Dispose() => CryptographicOperations.ZeroMemory(_memory);
}
