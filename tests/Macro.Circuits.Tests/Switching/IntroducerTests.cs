using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.Peers;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Circuits.Tests;

public class IntroducerTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);

    readonly SeededRandom _random = new(4);
    readonly Introducer _introducer = new();
    readonly PrivateKey _relayKey;
    readonly NodeIdentity _node;
    ulong _attempt;

    public IntroducerTests() => (_relayKey, _node) = (PrivateKey.Generate(_random), NodeIdentity.Generate(_random));

    [Fact]
    public void A_registration_is_signed_for_this_relay_and_this_session()
    {
        var (own, other) = (Session(1), Session(2));
        Assert.Equal(ControlStatus.RefusedUnverified, _introducer.Register(other, Sign(_node, own)));
        Assert.Equal(ControlStatus.RefusedUnverified, _introducer.Register(own, Sign(_node, own) with { Node = other.Tunnel.Remote.ToArray() }));
        Assert.Null(_introducer.Find(_node.Id));
        Assert.Equal(ControlStatus.Ok, _introducer.Register(own, Sign(_node, own)));
        Assert.Equal(own.Remote, _introducer.Find(_node.Id)!.Remote);
    }

    [Fact]
    public void A_node_that_comes_back_by_another_session_is_reached_there()
    {
        var (old, now) = (Session(1), Session(2));
        _introducer.Register(old, Sign(_node, old));
        var reached = _introducer.Find(_node.Id)!;
        _introducer.Register(now, Sign(_node, now));
        Assert.Equal(now.Remote, reached.Remote);
        _introducer.Forget(old);
        Assert.Same(reached, _introducer.Find(_node.Id));
        _introducer.Forget(now);
        Assert.Null(_introducer.Find(_node.Id));
    }

    [Fact]
    public void A_session_registers_one_node()
    {
        var session = Session(1);
        _introducer.Register(session, Sign(_node, session));
        Assert.Equal(ControlStatus.RefusedPolicy, _introducer.Register(session, Sign(NodeIdentity.Generate(_random), session)));
    }

    [Fact]
    public void Both_are_told_of_no_address_that_the_introducer_has_not_seen_proven()
    {
        var (asker, node) = (Session(7), Session(1));
        _introducer.Register(node, Sign(_node, node));
        var victim = Endpoint.Parse("8.8.8.8:53");
        var wish = Wish(PunchOffer.Describe(PortAllocation.Kept, 0, [victim], asker.Remote));
        Assert.Equal(ControlStatus.Ok, _introducer.Introduce(asker, 5, wish, s_now, out var session, out var message));
        Assert.Same(node, session);
        Assert.Equal([asker.Remote], Endpoints(message!.Offer));

        var answer = new IntroducedAnswer { Status = ControlStatus.Ok, Attempt = wish.Attempt, Offer = PunchOffer.Describe(PortAllocation.Kept, 0, [victim], node.Remote).Encode() };
        Assert.False(_introducer.TryTakeAnswer(asker, answer, out _, out _, out _));
        Assert.True(_introducer.TryTakeAnswer(node, answer, out var told, out var request, out var reply));
        Assert.Equal((asker, 5u), (told, request));
        Assert.Equal([node.Remote], Endpoints(reply!.Offer));
        Assert.False(_introducer.TryTakeAnswer(node, answer, out _, out _, out _));
    }

    [Fact]
    public void Introductions_by_one_session_and_to_one_node_are_few()
    {
        var node = Session(1);
        _introducer.Register(node, Sign(_node, node));
        var (passed, askers) = (0, 0);
        for (; askers < 10; askers++)
        {
            var asker = Session(10 + askers);
            for (var i = 0; i < 20; i++)
                if (_introducer.Introduce(asker, 1, Wish(PunchOffer.Describe(PortAllocation.Kept, 0, [], asker.Remote)), s_now, out _, out _) == ControlStatus.Ok)
                    passed++;
            Assert.InRange(passed, 0, (askers + 1) * Introducer.MostAsked);
        }
        Assert.Equal(Registration.MostIntroductions, passed);
    }

    [Fact]
    public void A_node_that_is_not_registered_is_not_found_and_garbage_is_refused()
    {
        var asker = Session(7);
        Assert.Equal(ControlStatus.NotFound, _introducer.Introduce(asker, 1, Wish(PunchOffer.Describe(PortAllocation.Kept, 0, [], asker.Remote)), s_now, out _, out _));
        var wish = Wish(PunchOffer.Describe(PortAllocation.Kept, 0, [], asker.Remote)) with { Offer = new byte[] { 9 } };
        Assert.Equal(ControlStatus.BadRequest, _introducer.Introduce(asker, 1, wish, s_now, out _, out _));
    }

    [Fact]
    public void Messages_are_read_as_they_were_written()
    {
        var session = Session(1);
        foreach (var message in (ControlMessage[])[Sign(_node, session), Wish(PunchOffer.Describe(PortAllocation.Random, 0, [], session.Remote))])
        {
            Assert.Equal(ControlVerdict.Ok, ControlCodec.Decode(ControlCodec.Encode(message), out var read, out _, out _));
            Assert.Equal(ControlCodec.Encode(message), ControlCodec.Encode(read!));
        }
    }

    static IEnumerable<Endpoint> Endpoints(ReadOnlyMemory<byte> offer)
    {
        Assert.True(PunchOffer.TryDecode(offer.Span, out var read));
        return read!.Candidates.Select(c => c.Endpoint);
    }

    Inbound Session(int number)
    {
        var options = new TunnelOptions { PrivateKey = _relayKey, Remote = PrivateKey.Generate(_random).PublicKey, MayInitiate = false };
        return new Inbound(new Tunnel(options, new IndexTable(), _random), Endpoint.Parse($"44.1.{number}.1:4000"), _relayKey.PublicKey);
    }

    static Register Sign(NodeIdentity identity, Inbound session)
    {
        var (node, signature) = (new byte[NodeId.Size], new byte[SigningKey.SignatureSize]);
        identity.Id.Write(node);
        identity.Sign(Registration.Statement(session.LocalKey, session.Tunnel.Remote), signature);
        return new Register { Node = node, Signature = signature };
    }

    Introduce Wish(PunchOffer offer)
    {
        var id = new byte[NodeId.Size];
        _node.Id.Write(id);
        return new Introduce
        {
            Node = id,
            Attempt = ++_attempt,
            Key = PrivateKey.Generate(_random).PublicKey.ToArray(),
            RelayKey = _relayKey.PublicKey.ToArray(),
            Offer = offer.Encode(),
            RoundTrip = 20,
        };
    }
}
