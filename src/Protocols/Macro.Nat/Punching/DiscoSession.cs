using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Nat;

/// <summary>
/// One attempt to find a direct path between two nodes, as both know it: its id, its key, and who began. Writes pings and
/// pongs and reads the peer's; everything else at the port with this attempt's id is forged.
/// </summary>
public sealed class DiscoSession : IDisposable
{
    const byte Initiator = 0, Responder = 1;

    /// <summary>What the number of a ping counts, from the first one on. So its pong tells the round-trip time, and nothing is kept.</summary>
    static readonly TimeSpan s_unit = TimeSpan.FromTicks(TimeSpan.TicksPerMillisecond / 10);

    readonly byte[] _key = new byte[Blake2s.HashSize];
    readonly byte _own, _peer;
    Instant? _begun;
    uint _last;

    /// <param name="attempt">Drawn at random by the initiator, for this attempt only.</param>
    /// <param name="own">The initiator's key of this attempt, or the responder's relay key.</param>
    /// <param name="peer">The other one.</param>
    DiscoSession(ulong attempt, bool isInitiator, PrivateKey own, PublicKey peer)
    {
        (Attempt, IsInitiator) = (attempt, isInitiator);
        (_own, _peer) = isInitiator ? (Initiator, Responder) : (Responder, Initiator);
        Span<byte> shared = stackalloc byte[X25519.Size];
        Span<byte> context = stackalloc byte[13 + 8 + 2 * PublicKey.Size];
        "macro disco 1"u8.CopyTo(context);
        BinaryPrimitives.WriteUInt64LittleEndian(context[13..], attempt);
        (isInitiator ? own.PublicKey : peer).Write(context[21..]);
        (isInitiator ? peer : own.PublicKey).Write(context[(21 + PublicKey.Size)..]);
        IsSound = own.TryAgree(peer, shared);
        Blake2s.Hash(_key, context, shared);
        CryptographicOperations.ZeroMemory(shared);
    }

    public ulong Attempt { get; }

    public bool IsInitiator { get; }

    /// <summary>False when the peer's key is none (RFC 7748 6.1: all-zero secret).</summary>
    bool IsSound { get; }

    /// <summary>The key is BLAKE2s("macro disco 1" || attempt || initiator's key || responder's key || X25519). Null when the peer's key is none.</summary>
    public static DiscoSession? TryBegin(ulong attempt, bool isInitiator, PrivateKey own, PublicKey peer)
    {
        ArgumentNullException.ThrowIfNull(own);
        var session = new DiscoSession(attempt, isInitiator, own, peer);
        return session.IsSound ? session : null;
    }

    /// <summary>64 bytes to any endpoint of the peer.</summary>
    public byte[] Ping(Instant now)
    {
        _begun ??= now;
        // Two of one moment still differ.
        _last = Math.Max(_last + 1, (uint)((now - _begun.Value) / s_unit));
        return Write(new DiscoMessage(DiscoType.Ping, _last, default));
    }

    /// <summary>The answer to a ping, to where it came from.</summary>
    public byte[] Pong(in DiscoMessage ping, Endpoint observed) => Write(new DiscoMessage(DiscoType.Pong, ping.Number, observed));

    /// <summary>False for everything that the peer did not write for this attempt, and for pongs to what we never sent.</summary>
    public bool TryRead(ReadOnlySpan<byte> datagram, out DiscoMessage message) =>
        DiscoMessage.TryRead(datagram, _peer, Attempt, _key, out message) && (message.Type == DiscoType.Ping || (message.Number != 0 && message.Number <= _last));

    /// <summary>From the ping of this pong to now.</summary>
    public TimeSpan RoundTrip(in DiscoMessage pong, Instant now)
    {
        var rtt = now - (_begun ?? now) - pong.Number * s_unit;
        return rtt > TimeSpan.Zero ? rtt : s_unit;
    }

    public void Dispose() => CryptographicOperations.ZeroMemory(_key);

    byte[] Write(DiscoMessage message)
    {
        var datagram = new byte[DiscoMessage.Size];
        message.Write(datagram, _own, Attempt, _key);
        return datagram;
    }
}
