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
            Assert.True(_offer.TryTake(out var question));
            Assert.True(_offer.Needs(question.Socket));
            var port = Next();
            _offer.Handle(question.Socket, Answer(question.Bytes, port), question.To, _now);

            var offer = Describe()!;
            Assert.Equal(PortAllocation.Sequential, offer.Allocation);
            Assert.Equal(port.Port + 1, offer.Candidates[0].Endpoint.Port);
            Assert.False(_offer.Needs(question.Socket));
            _now += TimeSpan.FromSeconds(5);
        }
    }

    /// <summary>Between one meeting and the next other flows of the network take ports, and each peer tells where it saw ours.</summary>
    [Fact]
    public void However_far_apart_its_meetings_the_next_port_of_a_NAT_that_counts_is_known()
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
            Assert.True(_offer.TryTake(out var question));
            var port = Next();
            _offer.Handle(question.Socket, Answer(question.Bytes, port), question.To, _now);
            Assert.Equal((PortAllocation.Sequential, port.Port + 1), (Describe()!.Allocation, (int)Describe()!.Candidates[0].Endpoint.Port));
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
