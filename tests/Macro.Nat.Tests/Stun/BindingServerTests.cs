using Macro.Core;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Nat.Tests.Stun;

public class BindingServerTests
{
    static readonly Endpoint s_client = Endpoint.Parse("198.51.100.7:40000");
    static readonly Endpoint s_client6 = Endpoint.Parse("[2001:db8::7]:40000");
    static readonly TransactionId s_id = TransactionId.New(new SeededRandom(1));
    static readonly Instant s_now = Instant.FromUnixSeconds(1_000_000);

    readonly BindingServer _server = new();
    readonly byte[] _answer = new byte[BindingServer.MaxAnswer];

    [Fact]
    public void Tells_the_endpoint_that_it_sees()
    {
        var answer = Ask(Request(), s_client);

        Assert.Equal(MessageClass.Success, answer.Class);
        Assert.Equal(s_id, answer.Transaction);
        Assert.True(answer.TryGetMapped(out var mapped));
        Assert.Equal(s_client, mapped);
    }

    [Fact]
    public void Puts_a_fingerprint_where_there_was_one()
    {
        Assert.False(Ask(Request(), s_client).HasFingerprint);
        Assert.True(Ask(Request(fingerprint: true), s_client).HasFingerprint);
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(1, false)]
    [InlineData(8, true)]
    [InlineData(30, false)]
    public void Never_answers_with_more_than_twice_the_bytes(int unknown, bool fingerprint)
    {
        const int ipAndUdp = 28, ipv6AndUdp = 48;
        var request = Request(unknown, fingerprint);

        Assert.InRange(_server.Answer(request, s_client, _answer, out _, s_now) + ipAndUdp, 1, 2 * (request.Length + ipAndUdp));
        Assert.InRange(_server.Answer(request, s_client6, _answer, out _, s_now) + ipv6AndUdp, 1, 2 * (request.Length + ipv6AndUdp));
    }

    [Fact]
    public void Lists_what_it_does_not_understand()
    {
        var answer = Ask(Request(unknown: 2), s_client);

        Assert.Equal(ErrorCodes.UnknownAttribute, answer.ErrorCode);
        Assert.True(answer.TryFind(AttributeType.UnknownAttributes, out var list));
        Assert.Equal("7FF07FF1", Convert.ToHexString(list));
    }

    [Fact]
    public void Refuses_to_answer_from_elsewhere()
    {
        var room = new byte[64];
        var writer = new MessageWriter(room, MessageClass.Request, MessageView.Binding, s_id);
        writer.AddChangeRequest(ChangeRequest.Both);

        Assert.Equal(ErrorCodes.UnknownAttribute, Ask(room[..writer.Length], s_client).ErrorCode);
    }

    [Fact]
    public void Answers_to_another_port_of_the_same_address_when_asked()
    {
        var room = new byte[64];
        var writer = new MessageWriter(room, MessageClass.Request, MessageView.Binding, s_id);
        writer.AddResponsePort(50_000);

        Assert.NotEqual(0, _server.Answer(room.AsSpan(0, writer.Length), s_client, _answer, out var to, s_now));
        Assert.Equal(s_client with { Port = 50_000 }, to);
    }

    [Fact]
    public void Says_nothing_to_anything_but_a_binding_request()
    {
        var room = new byte[64];
        foreach (var kind in (MessageClass[])[MessageClass.Indication, MessageClass.Success, MessageClass.Error])
        {
            _ = new MessageWriter(room, kind, MessageView.Binding, s_id);
            Assert.Equal(0, _server.Answer(room.AsSpan(0, 20), s_client, _answer, out _, s_now));
        }
        _ = new MessageWriter(room, MessageClass.Request, 3, s_id);
        Assert.Equal(0, _server.Answer(room.AsSpan(0, 20), s_client, _answer, out _, s_now));
        Assert.Equal(0, _server.Answer(Request(), s_client with { Port = 0 }, _answer, out _, s_now));
    }

    [Fact]
    public void A_flood_from_one_address_gets_twenty_answers_a_second_and_harms_nobody_else()
    {
        var answered = 0;
        for (var i = 0; i < 10_000; i++)
            if (_server.Answer(Request(), s_client with { Port = (ushort)(1 + i) }, _answer, out _, s_now + TimeSpan.FromMilliseconds(i)) > 0)
                answered++;

        Assert.InRange(answered, 200, 241);
        Assert.NotEqual(0, _server.Answer(Request(), Endpoint.Parse("198.51.100.8:1"), _answer, out _, s_now + TimeSpan.FromSeconds(10)));
    }

    MessageView Ask(byte[] request, Endpoint source)
    {
        var length = _server.Answer(request, source, _answer, out var to, s_now);
        Assert.Equal(source, to);
        Assert.True(MessageView.TryParse(_answer.AsSpan(0, length), out var answer));
        return answer;
    }

    static byte[] Request(int unknown = 0, bool fingerprint = false)
    {
        var room = new byte[256];
        var writer = new MessageWriter(room, MessageClass.Request, MessageView.Binding, s_id);
        for (var i = 0; i < unknown; i++)
            writer.Add((AttributeType)(0x7ff0 + i), []);
        if (fingerprint)
            writer.AddFingerprint();
        return room[..writer.Length];
    }
}
