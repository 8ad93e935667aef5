using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard.Tests;

/// <summary>One whole exchange with fixed keys, against Vectors/handshake.py, which computes it independently.</summary>
public class HandshakeVectorTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_700_000_000) + TimeSpan.FromMilliseconds(500);
    static readonly Dictionary<string, byte[]> s_vectors = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Vectors", "handshake.txt"))
        .Select(line => line.Split(' ')).ToDictionary(line => line[0], line => Convert.FromHexString(line[1]));

    [Fact]
    public void Both_sides_write_the_expected_bytes()
    {
        using var psk = new SecretBytes(Enumerable.Repeat((byte)5, 32).ToArray());
        using var aliceKey = Key(1);
        using var bobKey = Key(2);
        using var alice = New(aliceKey, bobKey.PublicKey, psk, index: 0x11, ephemeral: 3);
        using var bob = New(bobKey, aliceKey.PublicKey, psk, index: 0x22, ephemeral: 0);
        using var gate = new HandshakeGate(bobKey, new Fixed(0, ephemeral: 4));
        var buffer = new byte[200];

        var output = alice.Encapsulate("hello, responder"u8, buffer, s_now);
        Assert.Equal(s_vectors["initiation"], buffer[..output.Length]);
        Assert.True(gate.TryReadInitiation(buffer.AsSpan(0, output.Length), s_now, out var initiation));
        output = bob.AcceptInitiation(initiation, buffer, s_now);
        Assert.Equal(s_vectors["response"], buffer[..output.Length]);
        output = alice.Decapsulate(buffer.AsSpan(0, output.Length).ToArray(), buffer, s_now);
        Assert.Equal(s_vectors["data"], buffer[..output.Length]);
        var received = bob.Decapsulate(buffer.AsSpan(0, output.Length).ToArray(), buffer, s_now);
        Assert.Equal("hello, responder"u8, received.Packet);
        output = bob.Encapsulate("hello, initiator"u8, buffer, s_now);
        Assert.Equal(s_vectors["reply"], buffer[..output.Length]);
        received = alice.Decapsulate(buffer.AsSpan(0, output.Length).ToArray(), buffer, s_now);
        Assert.Equal("hello, initiator"u8, received.Packet);
    }

    [Fact]
    public void Both_sides_make_the_same_early_key()
    {
        using var psk = new SecretBytes(Enumerable.Repeat((byte)5, 32).ToArray());
        using var aliceKey = Key(1);
        using var bobKey = Key(2);
        using var alice = New(aliceKey, bobKey.PublicKey, psk, index: 0x11, ephemeral: 3);
        using var gate = new HandshakeGate(bobKey, new Fixed(0, ephemeral: 4));
        var buffer = new byte[200];

        alice.Initiate(s_now);
        var output = alice.HandleTimeout(buffer, s_now);
        Assert.Equal(s_vectors["initiation"], buffer[..output.Length]);
        Assert.True(gate.TryReadInitiation(buffer.AsSpan(0, output.Length), s_now, out var initiation));
        Assert.Equal(s_now.UnixSeconds, initiation.Made.UnixSeconds);
        using var early = initiation.DeriveEarlyKey(psk);
        foreach (var (counter, text) in new[] { "early, responder", "and more of that" }.Index())
        {
            output = alice.EncapsulateEarly(System.Text.Encoding.ASCII.GetBytes(text), buffer, s_now);
            Assert.Equal(s_vectors[$"early{counter}"], buffer[..output.Length]);
            Assert.True(early.TryOpen(buffer.AsSpan(0, output.Length).ToArray(), out var opened));
            Assert.Equal(text, System.Text.Encoding.ASCII.GetString(opened));
            Assert.False(early.TryOpen(buffer.AsSpan(0, output.Length), out _));
        }
        using var without = initiation.DeriveEarlyKey(null);
        Assert.False(without.TryOpen(s_vectors["early1"].ToArray(), out _));
    }

    static PrivateKey Key(byte fill) => PrivateKey.FromBytes(Enumerable.Repeat(fill, 32).ToArray());

    static Tunnel New(PrivateKey key, PublicKey remote, SecretBytes psk, byte index, byte ephemeral) =>
        new(new TunnelOptions { PrivateKey = key, Remote = remote, PresharedKey = psk }, new IndexTable(), new Fixed(index, ephemeral));

    /// <summary>Indices are drawn as 4 bytes, ephemeral keys as 32, all else is zero.</summary>
    sealed class Fixed(byte index, byte ephemeral) : IRandom
    {
        public void Fill(Span<byte> bytes) => bytes.Fill(bytes.Length switch { 4 => index, 32 => ephemeral, _ => 0 });
    }
}
