using Macro.Core;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Nat.Tests.Stun;

public class BindingClientTests
{
    static readonly Endpoint s_server = Endpoint.Parse("192.0.2.1:3478");
    static readonly Endpoint s_self = Endpoint.Parse("198.51.100.7:40000");
    static readonly Instant s_start = Instant.FromUnixSeconds(1_000_000);

    readonly Outbox _outbox = new();
    readonly BindingClient _client;

    public BindingClientTests() => _client = new BindingClient(new SeededRandom(1), _outbox);

    [Fact]
    public void Learns_its_endpoint_and_the_round_trip()
    {
        var number = _client.Ask(s_server, Retransmission.Standard, s_start);

        Assert.True(_client.TryHandle(Answer(), s_server, s_start + TimeSpan.FromMilliseconds(30)));

        var result = Taken();
        Assert.Equal((number, BindingOutcome.Answered, s_self, s_server), (result.Number, result.Outcome, result.Mapped, result.From));
        Assert.Equal(TimeSpan.FromMilliseconds(30), result.RoundTrip);
        Assert.Equal(Instant.Never, _client.NextTimeout);
    }

    [Fact]
    public void Repeats_at_the_times_of_the_rfc_and_gives_up_after_39500_ms()
    {
        _client.Ask(s_server, Retransmission.Standard, s_start);
        var sent = new List<double> { 0 };
        while (!_client.TryTakeResult(out var result))
        {
            var now = _client.NextTimeout;
            _outbox.Batch.Clear();
            _client.HandleTimeout(now);
            if (!_outbox.IsEmpty)
                sent.Add((now - s_start).TotalMilliseconds);
            else
                Assert.Equal(39_500, (now - s_start).TotalMilliseconds);
        }

        Assert.Equal([0, 500, 1500, 3500, 7500, 15500, 31500], sent);
    }

    [Fact]
    public void An_answer_from_elsewhere_counts_only_when_it_was_asked_for()
    {
        var elsewhere = Endpoint.Parse("192.0.2.2:3479");
        _client.Ask(s_server, Retransmission.Standard, s_start);
        Assert.False(_client.TryHandle(Answer(), elsewhere, s_start));

        _outbox.Batch.Clear();
        _client.Ask(s_server, Retransmission.Standard, s_start, ChangeRequest.Both);
        Assert.True(_client.TryHandle(Answer(), elsewhere, s_start));
        Assert.Equal(elsewhere, Taken().From);
    }

    [Fact]
    public void A_refusal_ends_the_request()
    {
        _client.Ask(s_server, Retransmission.Standard, s_start);
        var room = new byte[64];
        Assert.True(MessageView.TryParse(_outbox.Batch.Bytes(0), out var request));
        var writer = new MessageWriter(room, MessageClass.Error, MessageView.Binding, request.Transaction);
        writer.AddError(ErrorCodes.UnknownAttribute);

        Assert.True(_client.TryHandle(room.AsSpan(0, writer.Length), s_server, s_start));

        var result = Taken();
        Assert.Equal((BindingOutcome.Refused, ErrorCodes.UnknownAttribute), (result.Outcome, result.Error));
    }

    [Fact]
    public void A_success_that_tells_nothing_does_not_end_it()
    {
        _client.Ask(s_server, Retransmission.Standard, s_start);
        var room = new byte[20];
        Assert.True(MessageView.TryParse(_outbox.Batch.Bytes(0), out var request));
        _ = new MessageWriter(room, MessageClass.Success, MessageView.Binding, request.Transaction);

        Assert.True(_client.TryHandle(room, s_server, s_start));

        Assert.False(_client.TryTakeResult(out _));
        Assert.Equal(1, _client.Pending);
    }

    [Fact]
    public void Its_requests_are_answered_by_our_server()
    {
        _client.Ask(s_server, Retransmission.Standard, s_start, responsePort: 1234);
        var answer = new byte[BindingServer.MaxAnswer];
        var length = new BindingServer().Answer(_outbox.Batch.Bytes(0), s_self, answer, out var to, s_start);

        Assert.Equal(s_self with { Port = 1234 }, to);
        Assert.True(_client.TryHandle(answer.AsSpan(0, length), s_server, s_start));
        Assert.Equal(s_self, Taken().Mapped);
    }

    [Fact]
    public void Only_so_many_are_under_way()
    {
        for (var i = 0; i < BindingClient.MostPending; i++)
            Assert.NotEqual(0, _client.Ask(s_server, Retransmission.Brief, s_start));

        Assert.Equal(0, _client.Ask(s_server, Retransmission.Brief, s_start));
    }

    BindingResult Taken() => _client.TryTakeResult(out var result) ? result : throw new InvalidOperationException("Nothing ended.");

    byte[] Answer()
    {
        Assert.True(MessageView.TryParse(_outbox.Batch.Bytes(0), out var request));
        var room = new byte[64];
        var writer = new MessageWriter(room, MessageClass.Success, MessageView.Binding, request.Transaction);
        writer.AddXorMapped(s_self);
        writer.AddFingerprint();
        return room[..writer.Length];
    }
}
