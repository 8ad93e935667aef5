using Macro.Core;
using Macro.Nat;
using Macro.Nat.Classification;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Engine.Tests;

public class OwnOfferTests
{
    static readonly Endpoint s_own = Endpoint.Parse("192.168.1.10:51820"), s_outside = Endpoint.Parse("44.1.2.3:40000");
    static readonly Endpoint[] s_relays = [.. Enumerable.Range(1, 4).Select(i => Endpoint.Parse($"44.{10 + i}.0.1:51820"))];

    readonly Outbox _outbox = new();
    readonly Traversal _traversal;
    readonly OwnOffer _offer;
    Instant _now = Instant.FromUnixSeconds(1_000_000);
    int _flows;

    public OwnOfferTests()
    {
        _traversal = new Traversal(_outbox, new SeededRandom(1));
        _traversal.Configure(VoteRules.Internet, 51820, [], _now);
        _offer = new OwnOffer(_traversal, new SeededRandom(2)) { Servers = s_relays };
    }

    [Fact]
    public void Asks_relays_before_the_first_offer_and_never_without_one()
    {
        Assert.True(_outbox.IsEmpty);
        Assert.Null(Describe());
        Assert.Equal(4, _outbox.Batch.Count);

        AnswerPort(_ => s_outside);

        var offer = Describe()!;
        Assert.Equal(PortAllocation.Kept, offer.Allocation);
        Assert.Contains(new PunchCandidate(CandidateKind.Reflexive, s_outside), offer.Candidates);
        Assert.True(_outbox.IsEmpty);
    }

    [Fact]
    public void Says_what_is_there_when_no_relay_answers()
    {
        Assert.Null(Describe());
        _now += TimeSpan.FromSeconds(2);
        Assert.Null(Describe());
        Assert.Equal(PortAllocation.Unknown, _offer.Describe([s_own], [s_outside], _now)!.Allocation);
    }

    [Fact]
    public void Behind_a_NAT_that_counts_ports_up_every_offer_begins_at_a_new_flow()
    {
        Describe();
        AnswerPort(_ => Next());
        for (var i = 0; i < 2; i++)
        {
            Assert.Null(Describe());
            var (port, socket) = AnswerSpare(step: 1);

            var offer = Describe()!;
            Assert.Equal(PortAllocation.Sequential, offer.Allocation);
            Assert.Equal(port + 1, offer.Candidates[0].Endpoint.Port);
            Assert.False(_offer.Needs(socket));
            _now += TimeSpan.FromSeconds(5);
        }
    }

    /// <summary>Between one meeting and the next other flows of the network take ports, and each peer tells where it saw ours.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(-1)]
    public void However_far_apart_its_meetings_the_next_port_of_a_NAT_that_counts_is_known(int step)
    {
        Describe();
        AnswerPort(_ => Next());
        for (var i = 0; i < 40; i++)
        {
            _now += TimeSpan.FromSeconds(20);
            _flows += 5 + i * 7 % 50;
            _traversal.Observe(Endpoint.Parse($"44.{50 + i}.0.1:51820"), Next(), _now);
            // A circuit that is built by way of a relay hears of another port, too.
            _traversal.ObserveTold(s_relays[i % 4], Next(), _now);
            Assert.Null(Describe());
            var (port, _) = AnswerSpare(step);
            Assert.Equal((PortAllocation.Sequential, port + step), (Describe()!.Allocation, (int)Describe()!.Candidates[0].Endpoint.Port));
        }
    }

    [Fact]
    public void What_peers_see_counts_as_what_relays_see()
    {
        foreach (var relay in s_relays)
            _traversal.Observe(relay, s_outside, _now);
        Assert.Equal(PortAllocation.Kept, Describe()!.Allocation);
        Assert.True(_outbox.IsEmpty);
    }

    PunchOffer? Describe() => _offer.Describe([s_own], [], _now);

    Endpoint Next() => s_outside with { Port = (ushort)(s_outside.Port + ++_flows) };

    /// <summary>Two relays were asked, and answer in the other order.</summary>
    /// <returns>The port of the second question.</returns>
    (int Port, SpareSocket) AnswerSpare(int step)
    {
        Assert.True(_offer.TryTake(out var first));
        Assert.True(_offer.TryTake(out var second));
        Assert.Equal(first.Socket, second.Socket);
        Assert.True(_offer.Needs(first.Socket));
        var (one, two) = (Next(), s_outside with { Port = (ushort)(s_outside.Port + _flows + step) });
        _flows += 2 * Math.Abs(step);
        _offer.Handle(second.Socket, Answer(second.Bytes, two), second.To, _now);
        _offer.Handle(first.Socket, Answer(first.Bytes, one), first.To, _now);
        return (two.Port, first.Socket);
    }

    void AnswerPort(Func<Endpoint, Endpoint> seen)
    {
        var requests = Enumerable.Range(0, _outbox.Batch.Count).Select(i => (Bytes: _outbox.Batch.Bytes(i).ToArray(), To: _outbox.Batch[i].Remote)).ToArray();
        _outbox.Batch.Clear();
        foreach (var (bytes, to) in requests)
            _traversal.HandleDatagram(Answer(bytes, seen(to)), to, answers: false, _now);
    }

    byte[] Answer(byte[] request, Endpoint seen)
    {
        var answer = new byte[BindingServer.MaxAnswer];
        return answer[..new BindingServer().Answer(request, seen, answer, out _, _now)];
    }
}
