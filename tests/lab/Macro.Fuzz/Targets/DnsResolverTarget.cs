using Macro.Core;
using Macro.NetStack.Dns;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// A resolver between a client and a server that both lie. The first byte says what the rest is: a client's query, or the
/// answer to the query that is under way, with the right id and question put in so that it gets past the first checks.
/// </summary>
sealed class DnsResolverTarget : IFuzzTarget
{
    static readonly Endpoint s_upstream = Endpoint.Parse("192.0.2.53:53");

    readonly byte[] _room = new byte[65536];
    Instant _now;
    Resolver _resolver = null!;
    ResolverOutput _underWay;

    public DnsResolverTarget() => Reset();

    public string Name => "dns-resolver";

    public int MaxAllocation => 256 * 1024;

    public void Reset()
    {
        _now = Instant.FromUnixSeconds(1_000_000);
        _resolver = new Resolver(new ResolverOptions
        {
            Upstreams = [s_upstream],
            MaxPending = 8,
            IsDenied = address => (address.V4Bits & 0xff) == 10,
            Limits = new AnswerLimits { Bytes = 16 * 1024 },
        }, new SeededRandom(1));
        _underWay = default;
    }

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        _now += TimeSpan.FromMilliseconds(input[0]);
        _resolver.HandleTimeout(_now);
        var message = input[1..];
        if ((input[0] & 1) == 0)
            Ask(message, ref seen);
        else
            Answer(message, ref seen);
        while (_resolver.TryTakeOutput(out var output))
        {
            seen.Add((int)output.Action);
            if (output.Action == ResolverAction.End)
                continue;
            InvariantException.Require(MessageView.TryParse(output.Message, out _), "what it sends can be read");
            if (output.Action != ResolverAction.Answer)
                _underWay = output;
        }
        InvariantException.Require(_resolver.Pending <= 8, "what waits is bounded");
        InvariantException.Require(_resolver.Cache.Bytes <= 16 * 1024, "what is kept is bounded");
        return seen.Value;
    }

    void Ask(ReadOnlySpan<byte> query, ref Digest seen)
    {
        var carrier = query.Length % 2 == 0 ? Carrier.Datagram : Carrier.Stream;
        var verdict = _resolver.Ask(query, carrier, null, _room, _now, out var length);
        seen.Add((int)verdict);
        if (verdict != AskVerdict.Answered)
            return;
        InvariantException.Require(MessageView.TryParse(_room.AsSpan(0, length), out var answer), "what it answers can be read");
        InvariantException.Require(answer.IsResponse && answer.Id == (ushort)(query[0] << 8 | query[1]), "an answer bears the query's id");
        InvariantException.Require(carrier == Carrier.Stream || length <= Edns.OwnUdpSize, "datagrams have their bound");
        seen.Add((int)answer.ResponseCode);
    }

    void Answer(ReadOnlySpan<byte> answer, ref Digest seen)
    {
        if (_underWay.Message is not { } query || !MessageView.TryParse(query, out var asked))
            return;
        byte[] forged = answer.ToArray();
        if (forged.Length >= 12)
        {
            query.AsSpan(0, 2).CopyTo(forged);
            forged[2] |= 0x80;
            if (MessageView.TryParse(forged, out var view) && view.HasQuestion && view.Question.Length == asked.Question.Length)
                asked.Question.CopyTo(forged.AsSpan(12));
        }
        if (_underWay.Action == ResolverAction.SendDatagram)
            _resolver.HandleDatagram(_underWay.Exchange, s_upstream, forged, _now);
        else
            _resolver.HandleStream(_underWay.Exchange, forged, _now);
        seen.Add(_resolver.Pending);
    }
}
