using Macro.Core;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.NetStack.Tests.Dns;

/// <summary>A resolver, the time, and the upstream's part played by hand.</summary>
public abstract class ResolverDriver
{
    protected static readonly Endpoint Upstream = Endpoint.Parse("192.0.2.53:53");
    protected static readonly Endpoint Second = Endpoint.Parse("192.0.2.54:53");

    protected Instant Now { get; set; } = Instant.FromUnixSeconds(1_000_000);
    protected Resolver Resolver { get; set; } = Make();

    protected static ResolverOptions Options => new() { Upstreams = [Upstream] };

    protected static Resolver Make(ResolverOptions? options = null) => new(options ?? Options, new SeededRandom(1));

    protected static Func<byte[], byte[]> A(string name, uint ttl) => query => Zone.Answer(query, answers: [Zone.A(name, ttl, "192.0.2.1")]);

    /// <summary>Asks; null when the answer comes later.</summary>
    protected byte[]? Ask(string name, RecordType type = RecordType.A, ushort id = 7, HeaderFlags flags = HeaderFlags.RecursionDesired, bool dnssec = false) =>
        Answer(Zone.Query(name, type, id, flags, dnssec ? (ushort)1232 : null, dnssec));

    protected byte[]? Answer(byte[] query)
    {
        var room = new byte[1232];
        return Resolver.Ask(query, Carrier.Datagram, "client", room, Now, out var length) == AskVerdict.Answered ? room[..length] : null;
    }

    protected void Learn(string name, uint ttl)
    {
        Assert.Null(Ask(name));
        Reply(A(name, ttl));
        Drain();
    }

    protected void Reply(Func<byte[], byte[]> answer)
    {
        var query = TakeQuery();
        Resolver.HandleDatagram(query.Exchange, query.Upstream, answer(query.Message), Now);
    }

    protected ResolverOutput TakeQuery(ResolverAction action = ResolverAction.SendDatagram) => Take(action);

    protected byte[] TakeAnswer() => Take(ResolverAction.Answer).Message;

    protected ResolverOutput Take(ResolverAction action)
    {
        while (Resolver.TryTakeOutput(out var output))
            if (output.Action != ResolverAction.End)
            {
                Assert.Equal(action, output.Action);
                return output;
            }
        Assert.Fail($"No {action} came.");
        return default;
    }

    protected void Drain()
    {
        while (Resolver.TryTakeOutput(out _))
        {
        }
    }

    protected void Pass(double seconds)
    {
        Now += TimeSpan.FromSeconds(seconds);
        Resolver.HandleTimeout(Now);
    }

    protected static void AssertCode(ResponseCode code, byte[] answer)
    {
        Assert.True(MessageView.TryParse(answer, out var view));
        Assert.Equal(code, view.ResponseCode);
    }
}
