using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.WireGuard.Tests;

public class EarlyKeyTests
{
    static readonly Instant s_now = Pair.Start;
    readonly SeededRandom _random = new(1);
    readonly byte[] _buffer = new byte[2048];
    readonly Tunnel _alice, _bob;
    readonly HandshakeGate _gate;
    ReceivedInitiation? _initiation;

    public EarlyKeyTests()
    {
        var (alice, bob) = (PrivateKey.Generate(_random), PrivateKey.Generate(_random));
        _alice = new Tunnel(new TunnelOptions { PrivateKey = alice, Remote = bob.PublicKey }, new IndexTable(), _random);
        _bob = new Tunnel(new TunnelOptions { PrivateKey = bob, Remote = alice.PublicKey, MayInitiate = false }, new IndexTable(), _random);
        _gate = new HandshakeGate(bob, _random);
    }

    [Fact]
    public void Messages_open_in_any_order_each_once()
    {
        var key = Begin();
        byte[][] messages = [.. Enumerable.Range(0, EarlyKey.MostMessages).Select(i => Early((byte)i))];
        foreach (var i in (int[])[2, 0, 1, 7, 6, 5, 4, 3])
        {
            Assert.True(key.TryOpen(messages[i].ToArray(), out var text));
            Assert.Equal(i, text[0]);
            Assert.False(key.TryOpen(messages[i].ToArray(), out _));
        }
    }

    [Fact]
    public void No_more_are_sealed_than_one_key_is_for()
    {
        Begin();
        for (var i = 0; i < EarlyKey.MostMessages; i++)
            Early(1);
        Assert.Equal(DropReason.NoSession, _alice.EncapsulateEarly([1], _buffer, s_now).Reason);
    }

    [Fact]
    public void There_is_none_without_an_initiation_that_waits()
    {
        Assert.Equal(DropReason.NoSession, _alice.EncapsulateEarly([1], _buffer, s_now).Reason);
        Begin();
        var output = _bob.AcceptInitiation(_initiation!, _buffer, s_now);
        _alice.Decapsulate(_buffer.AsSpan(0, output.Length).ToArray(), _buffer, s_now);
        Assert.Equal(DropReason.NoSession, _alice.EncapsulateEarly([1], _buffer, s_now).Reason);
    }

    [Fact]
    public void Every_initiation_has_another_key()
    {
        var key = Begin();
        var message = Early(1);
        Assert.False(Begin(s_now + Limits.RekeyTimeout + Limits.RekeyJitter).TryOpen(message.ToArray(), out _));
        Assert.True(key.TryOpen(message, out _));
    }

    [Fact]
    public void A_forged_message_does_not_spoil_the_right_one()
    {
        var key = Begin();
        var message = Early(1);
        // Before the counter lies the index, by which the key is found.
        for (var i = Message.DataCounter; i < message.Length; i++)
        {
            var forged = message.ToArray();
            forged[i] ^= 1;
            Assert.False(key.TryOpen(forged, out _));
        }
        for (var length = 0; length < message.Length; length++)
            Assert.False(key.TryOpen(message[..length], out _));
        Assert.True(key.TryOpen(message, out _));
    }

    [Fact]
    public void The_responder_answers_before_the_session_is_confirmed_only_if_told_so()
    {
        Begin();
        var output = _bob.AcceptInitiation(_initiation!, _buffer, s_now);
        var response = _buffer.AsSpan(0, output.Length).ToArray();
        Assert.Null(_bob.Sending);
        Assert.Equal(DropReason.NoSession, _bob.KeepAlive(_buffer, s_now).Reason);

        _bob.AnswerEarly();
        var answer = _buffer.AsSpan(0, _bob.Encapsulate([1], _buffer, s_now).Length).ToArray();
        var confirmation = _alice.Decapsulate(response, _buffer, s_now);
        var keepalive = _buffer.AsSpan(0, confirmation.Length).ToArray();
        Assert.Equal(1, _alice.Decapsulate(answer, _buffer, s_now).Packet[0]);
        Assert.False(_bob.TryTakeEvent(out _));

        Assert.True(_bob.Decapsulate(keepalive, _buffer, s_now).Authenticated);
        _bob.HandleTimeout(_buffer, s_now);
        Assert.True(_bob.TryTakeEvent(out var happened));
        Assert.Same(happened.Session, _bob.Sending);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(ulong.MaxValue)]
    [InlineData(0x4000000000000000UL)]
    public void A_timestamp_can_be_anything(ulong seconds)
    {
        Assert.True(new Tai64N(seconds, uint.MaxValue).ToInstant() > s_now + TimeSpan.FromDays(365));
        Assert.Equal(s_now, Tai64N.At(s_now).ToInstant());
    }

    /// <summary>Alice sends an initiation, and bob makes the early key of it.</summary>
    EarlyKey Begin(Instant? now = null)
    {
        _alice.Initiate(now ?? s_now);
        var output = _alice.HandleTimeout(_buffer, now ?? s_now);
        Assert.True(_gate.TryReadInitiation(_buffer.AsSpan(0, output.Length), s_now, out _initiation));
        return _initiation.DeriveEarlyKey(null);
    }

    byte[] Early(byte first)
    {
        var output = _alice.EncapsulateEarly([first, 2, 3], _buffer, s_now);
        Assert.Equal(TunnelOutputKind.ToNetwork, output.Kind);
        return _buffer.AsSpan(0, output.Length).ToArray();
    }
}
