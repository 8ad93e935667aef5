using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;
using Macro.Nat.Reachability;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Engine.Tests;

public class TraversalTests
{
    static readonly Endpoint s_own = Endpoint.Parse("192.168.1.10:51820"), s_outside = Endpoint.Parse("44.1.2.3:51820");
    static readonly Instant s_now = Instant.FromUnixSeconds(1_000_000);

    readonly Outbox _outbox = new();
    readonly Traversal _traversal;

    public TraversalTests()
    {
        _traversal = new Traversal(_outbox, new SeededRandom(1));
        _traversal.Configure(VoteRules.Internet, 51820, [], s_now);
    }

    [Theory]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    public void Only_a_relay_answers_stun(bool relay, int answers)
    {
        var room = new byte[64];
        var writer = new MessageWriter(room, MessageClass.Request, MessageView.Binding, TransactionId.New(new SeededRandom(2)));

        _traversal.HandleDatagram(room.AsSpan(0, writer.Length), Endpoint.Parse("44.9.9.9:1000"), relay, s_now);

        Assert.Equal(answers, _outbox.Batch.Count);
    }

    [Fact]
    public void Learns_its_class_from_relays_and_its_role_from_strangers()
    {
        Endpoint[] relays = [.. Enumerable.Range(1, 4).Select(i => Endpoint.Parse($"44.{10 + i}.0.1:51820"))];
        _traversal.Examine(v4: true, relays, [s_own], learnLifetime: false, s_now);
        Answer();
        Assert.Equal((NatKind.PortRestricted, s_outside), (_traversal.V4.Kind, _traversal.V4.Outside));
        Assert.Equal(NodeRole.Client, _traversal.Standing.Role);

        _traversal.ObserveGateway(Mapped(MappingTrust.Confirmed), null, offers: true, s_now);
        _traversal.ObserveStranger(Endpoint.Parse("44.50.0.1:1"), s_now);
        _traversal.ObserveStranger(Endpoint.Parse("44.51.0.1:1"), s_now);

        Assert.Equal(NodeRole.Public, _traversal.Standing.Role);
        Assert.Equal([s_outside], _traversal.Standing.Endpoints);
    }

    [Fact]
    public void Learns_its_class_from_what_relays_say_unasked()
    {
        _traversal.SetOwn([s_own]);
        for (var i = 1; i <= 3; i++)
            _traversal.ObserveTold(Endpoint.Parse($"44.{10 + i}.0.1:51820"), s_outside, s_now);
        Assert.Equal(NatKind.Unknown, _traversal.V4.Kind);

        _traversal.ObserveTold(TcpEndpoint.Make(IpAddress.Parse("44.14.0.1"), 1), s_outside, s_now);
        Assert.Equal(NatKind.Unknown, _traversal.V4.Kind);

        _traversal.ObserveTold(Endpoint.Parse("44.14.0.1:51820"), s_outside, s_now);
        Assert.Equal((NatKind.PortRestricted, s_outside), (_traversal.V4.Kind, _traversal.V4.Outside));
    }

    [Fact]
    public void A_gateway_that_others_contradict_makes_no_relay_public()
    {
        _traversal.ObserveGateway(Mapped(MappingTrust.Contradicted), null, offers: true, s_now);
        _traversal.ObserveStranger(Endpoint.Parse("44.50.0.1:1"), s_now);
        _traversal.ObserveStranger(Endpoint.Parse("44.51.0.1:1"), s_now);

        Assert.Equal(NodeRole.Client, _traversal.Standing.Role);
    }

    static Mapping Mapped(MappingTrust trust) => new()
    {
        Protocol = MappingProtocol.Pcp, Outside = s_outside, InternalPort = 51820, Ends = Instant.Never, Trust = trust,
    };

    /// <summary>Every server sees the same endpoint.</summary>
    void Answer()
    {
        var requests = Enumerable.Range(0, _outbox.Batch.Count).Select(i => (Bytes: _outbox.Batch.Bytes(i).ToArray(), To: _outbox.Batch[i].Remote)).ToArray();
        _outbox.Batch.Clear();
        var server = new BindingServer();
        var answer = new byte[BindingServer.MaxAnswer];
        foreach (var (bytes, to) in requests)
        {
            var length = server.Answer(bytes, s_outside, answer, out _, s_now);
            _traversal.HandleDatagram(answer.AsSpan(0, length), to, answers: false, s_now);
        }
    }
}
