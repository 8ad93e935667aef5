using Macro.Core;
using Macro.Crypto;

namespace Macro.Nat.Tests;

/// <summary>The example of docs/protocol/disco.md, made by an independent program, and what must not pass for a message.</summary>
public class DiscoTests
{
    const ulong Attempt = 0x0102030405060708;
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);
    static readonly Endpoint s_seen = Endpoint.Parse("192.0.2.1:51820");
    static readonly byte[] s_ping = Convert.FromHexString(
        "8d6d6163726f010001000000010000000807060504030201000000000000000000000000000000000000000000000000271f779549e4124e86340807db40c0f2");
    static readonly byte[] s_pong = Convert.FromHexString(
        "8d6d6163726f01000201000001000000080706050403020100000000000000000000ffffc0000201ca6c00000000000039367c8421e46aac939b786e7b7bd86d");

    readonly PrivateKey _a = PrivateKey.FromBytes([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);
    readonly PrivateKey _b = PrivateKey.FromBytes([.. Enumerable.Range(33, 32).Select(i => (byte)i)]);
    readonly DiscoSession _initiator, _responder;

    public DiscoTests()
    {
        _initiator = DiscoSession.TryBegin(Attempt, true, _a, _b.PublicKey)!;
        _responder = DiscoSession.TryBegin(Attempt, false, _b, _a.PublicKey)!;
    }

    [Fact]
    public void The_example_is_written_and_read()
    {
        Assert.Equal(s_ping, _initiator.Ping(s_now));
        Assert.True(_responder.TryRead(s_ping, out var ping));
        Assert.Equal(s_pong, _responder.Pong(ping, s_seen));
        Assert.True(_initiator.TryRead(s_pong, out var pong));
        Assert.Equal(s_seen, pong.Observed);
    }

    [Fact]
    public void A_pong_tells_the_round_trip()
    {
        _initiator.Ping(s_now);
        var ping = _initiator.Ping(s_now + TimeSpan.FromMilliseconds(500));
        Assert.True(_responder.TryRead(ping, out var read));
        Assert.True(_initiator.TryRead(_responder.Pong(read, s_seen), out var pong));
        Assert.Equal(TimeSpan.FromMilliseconds(23), _initiator.RoundTrip(pong, s_now + TimeSpan.FromMilliseconds(523)));
    }

    [Fact]
    public void No_bit_of_a_message_may_be_turned()
    {
        for (var i = 0; i < 8 * DiscoMessage.Size; i++)
        {
            var forged = s_ping.ToArray();
            forged[i / 8] ^= (byte)(1 << (i % 8));
            Assert.False(_responder.TryRead(forged, out _));
        }
    }

    [Fact]
    public void Neither_an_echo_nor_a_pong_to_what_was_never_sent_counts()
    {
        var ping = _initiator.Ping(s_now);
        Assert.False(_initiator.TryRead(ping, out _));
        var other = DiscoSession.TryBegin(Attempt, true, _a, _b.PublicKey)!;
        Assert.False(other.TryRead(s_pong, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(8)]
    public void An_offer_is_read_as_it_was_written(int candidates)
    {
        var offer = new PunchOffer
        {
            Allocation = PortAllocation.Sequential,
            Step = -2,
            Candidates = [.. Enumerable.Range(0, candidates).Select(i => new PunchCandidate(CandidateKind.Predicted, new Endpoint(IpAddress.Parse("192.0.2.1"), (ushort)(i + 1))))],
        };
        Assert.True(PunchOffer.TryDecode(offer.Encode(), out var read));
        Assert.Equal((offer.Allocation, offer.Step), (read!.Allocation, read.Step));
        Assert.Equal(offer.Candidates, read.Candidates);
    }

    [Fact]
    public void Garbage_is_no_offer()
    {
        var whole = PunchOffer.Describe(PortAllocation.Kept, 0, [s_seen], Endpoint.Parse("[2001:db8::1]:7")).Encode();
        for (var length = 0; length < whole.Length; length++)
            Assert.False(PunchOffer.TryDecode(whole.AsSpan(0, length), out _));
        Assert.False(PunchOffer.TryDecode([6, .. whole.AsSpan(1)], out _));
        Assert.False(PunchOffer.TryDecode([.. whole, 0], out _));
    }

    [Theory]
    [InlineData("0.0.0.1:1")]
    [InlineData("127.0.0.1:1")]
    [InlineData("224.0.0.1:1")]
    [InlineData("[ff02::1]:1")]
    [InlineData("[::1]:1")]
    public void Candidates_that_can_be_nobodys_are_left_out(string endpoint)
    {
        var offer = PunchOffer.Describe(PortAllocation.Kept, 0, [Endpoint.Parse(endpoint)], s_seen);
        Assert.True(PunchOffer.TryDecode(offer.Encode(), out var read));
        Assert.Equal([s_seen], read!.Candidates.Select(c => c.Endpoint));
    }

    [Fact]
    public void An_introducer_passes_on_no_address_at_which_somebody_else_could_be_hit()
    {
        var proven = IpAddress.Parse("44.1.2.3");
        var offer = PunchOffer.Describe(PortAllocation.Kept, 0,
            [Endpoint.Parse("192.168.1.5:1"), Endpoint.Parse("[2a00::1]:1"), Endpoint.Parse("8.8.8.8:53")], new Endpoint(proven, 4000));
        Assert.Equal(["44.1.2.3:4000", "192.168.1.5:1"], offer.OnlyAt(proven).Candidates.Select(c => c.Endpoint.ToString()));
    }
}
