using Macro.Core;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// STUN at a node's port: a server that answers, and a client that waits for an answer, whose transaction id is put in where
/// the first byte says so.
/// </summary>
sealed class StunTarget : IFuzzTarget
{
    static readonly Endpoint s_source = Endpoint.Parse("[2001:db8::7]:40000"), s_server = Endpoint.Parse("192.0.2.1:3478");

    readonly byte[] _answer = new byte[BindingServer.MaxAnswer];
    readonly byte[] _input = new byte[4096];
    readonly Outbox _outbox = new(1 << 14, 64);
    Instant _now;
    BindingServer _binding = null!;
    BindingClient _client = null!;

    public StunTarget() => Reset();

    public string Name => "stun";

    public int MaxAllocation => 16 * 1024;

    public void Reset()
    {
        _now = Instant.FromUnixSeconds(1_000_000);
        _binding = new BindingServer(perSecond: 1000, sources: 16);
        _client = new BindingClient(new SeededRandom(1), _outbox);
        _outbox.Batch.Clear();
    }

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty || input.Length > _input.Length)
            return seen.Value;
        _now += TimeSpan.FromMilliseconds(input[0]);
        _client.HandleTimeout(_now);
        while (_client.TryTakeResult(out _)) { }
        _outbox.Batch.Clear();
        _client.Ask(s_server, Retransmission.Brief, _now, (ChangeRequest)(input[0] & 6));
        var datagram = _input.AsSpan(0, input.Length - 1);
        input[1..].CopyTo(datagram);
        if ((input[0] & 1) != 0 && datagram.Length >= 20 && _outbox.Batch.Count > 0)
            _outbox.Batch.Bytes(0).Slice(4, 16).CopyTo(datagram[4..]);
        View(datagram, ref seen);
        var length = _binding.Answer(datagram, s_source, _answer, out var to, _now);
        seen.AddSize(length);
        // 48 bytes of IPv6 and UDP go with each.
        InvariantException.Require(length == 0 || length + 48 <= 2 * (datagram.Length + 48), "an answer is at most twice as long");
        InvariantException.Require(length == 0 || MessageView.TryParse(_answer.AsSpan(0, length), out _), "an answer can be read");
        InvariantException.Require(to.Address == s_source.Address, "an answer goes to who asked");
        seen.Add(_client.TryHandle(datagram, s_server, _now) ? 1 : 0);
        InvariantException.Require(_client.Pending <= BindingClient.MostPending, "what waits is bounded");
        return seen.Value;
    }

    static void View(ReadOnlySpan<byte> datagram, ref Digest seen)
    {
        if (!MessageView.TryParse(datagram, out var message))
            return;
        seen.Add((int)message.Class);
        seen.Add(message.TryGetMapped(out _) ? 2 : 3);
        seen.Add(message.ErrorCode / 100);
        seen.Add(message.IsAuthentic("key"u8) ? 4 : 5);
        foreach (var attribute in message)
        {
            seen.Add((ushort)attribute.Type >> 8);
            InvariantException.Require(attribute.Value.Length <= datagram.Length, "a value lies within its message");
        }
    }
}
