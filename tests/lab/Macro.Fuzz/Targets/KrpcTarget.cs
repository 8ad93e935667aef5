using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;
using Macro.Dht;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// A whole DHT node with look-ups under way. An input that looks like an answer comes from a node that was asked, under its
/// transaction id; one that stores comes with a token that holds: so mutations reach what lies behind these two doors.
/// </summary>
sealed class KrpcTarget : IFuzzTarget
{
    const int MostOutstanding = 64;

    static readonly Endpoint s_asker = Endpoint.Parse("198.41.0.4:6881");
    static readonly PublicKey s_key = new(Convert.FromHexString("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548"));
    static readonly DhtOptions s_options = new()
    {
        V6 = false,
        EnforceSecureIds = false,
        Bootstrap = [.. Enumerable.Range(0, 8).Select(i => new Endpoint(IpAddress.FromV4(0x2c800001u + ((uint)i << 8)), 6881))],
    };

    readonly Outbox _outbox = new(1 << 20, 2048);
    readonly List<(uint Transaction, Endpoint To)> _asked = [];
    readonly byte[] _input = new byte[4096];
    readonly byte[] _query = new byte[512];
    DhtNode _node = null!;
    SeededRandom _random = new(1);
    Instant _now;
    int _turn;

    public KrpcTarget() => Reset();

    public string Name => "krpc";

    /// <summary>A look-up keeps up to 128 candidates, and an answer may be copied to the caller.</summary>
    public int MaxAllocation => 64 * 1024;

    public void Reset()
    {
        _now = Instant.FromUnixSeconds(1_800_000_000);
        _random = new SeededRandom(1);
        _node = new DhtNode(s_options, _random, _outbox, _now);
        _turn = 0;
        _asked.Clear();
        Settle(out _);
    }

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        _now += TimeSpan.FromMilliseconds(120);
        Ask(_turn++ & 31);
        Settle(out _);
        input.CopyTo(_input);
        var datagram = _input.AsSpan(0, input.Length);
        var source = s_asker;
        if (Message.TryParse(datagram, out var message))
        {
            seen.Add((int)message.Kind);
            seen.Add((int)message.Method);
            if (message.Kind != MessageKind.Query)
                source = Match(datagram);
            else if (message.Token.Length == Tokens.Size)
                GiveToken(datagram, message);
        }
        seen.Add((int)_node.Receive(datagram, source, _now));
        Settle(out var sent);
        seen.Add(sent);
        while (_node.TryTakeEvent(out var happened))
            seen.Add(happened.GetType().Name.Length);
        var state = _node.State(v4: true)!;
        InvariantException.Require(state.Contacts <= 2000 && _node.Items.Count <= s_options.MaxItems
            && _node.Peers.Count <= s_options.MaxInfoHashes * s_options.MaxPeers, "what is kept has its bound");
        return seen.Value;
    }

    /// <summary>Keeps queries of every kind under way.</summary>
    void Ask(int turn)
    {
        var target = Id160.Random(_random);
        _ = turn switch
        {
            0 => _node.FindNodes(target, _now),
            4 => _node.GetPeers(target, _now),
            8 => _node.GetMutable(s_key, "foobar"u8, disjoint: true, _now),
            12 => _node.GetMutable(s_key, [], disjoint: false, _now),
            16 => _node.AskItem(s_options.Bootstrap[0], target, _now),
            20 => _node.Announce(target, 7, implied: true, _now),
            24 => _node.PutImmutable("12:Hello World!"u8, _now),
            28 => _node.GetImmutable(Id160.HashOf("12:Hello World!"u8), _now),
            _ => 0,
        };
        if (_node.NextTimeout <= _now)
            _node.HandleTimeout(_now);
    }

    /// <summary>Puts the transaction id of a query under way over the input's own, and answers from where that went.</summary>
    Endpoint Match(Span<byte> datagram)
    {
        var at = datagram.LastIndexOf("1:t4:"u8);
        if (at < 0 || _asked.Count == 0)
            return s_asker;
        var which = _random.NextInt(_asked.Count);
        var (transaction, to) = _asked[which];
        _asked.RemoveAt(which);
        BinaryPrimitives.WriteUInt32BigEndian(datagram[(at + 5)..], transaction);
        return to;
    }

    void GiveToken(Span<byte> datagram, in Message message)
    {
        var at = datagram.IndexOf("5:token8:"u8);
        if (at < 0 || at + 17 > datagram.Length)
            return;
        var target = message.Method != Method.Put ? message.Target ?? default
            : message.Key is { } key ? MutableItem.TargetOf(key, message.Salt[..Math.Min(MutableItem.MaxSalt, message.Salt.Length)]) : Id160.HashOf(message.Value);
        var head = new QueryHead(Id160.Random(_random), 1, ReadOnly: true);
        _node.Receive(_query.AsSpan(0, Queries.Get(_query, head, target, newerThan: null)), s_asker, _now);
        if (_outbox.Batch.Count > 0 && Message.TryParse(_outbox.Batch.Bytes(0), out var answer) && answer.Token.Length == Tokens.Size)
            answer.Token.CopyTo(datagram[(at + 9)..]);
        Settle(out _);
    }

    /// <summary>Looks at everything that the node sends.</summary>
    void Settle(out int sent)
    {
        sent = 0;
        var answers = 0;
        for (var i = 0; i < _outbox.Batch.Count; i++)
        {
            var bytes = _outbox.Batch.Bytes(i);
            InvariantException.Require(bytes.Length is > 0 and <= DhtNode.MaxDatagram, "a datagram has its bound");
            InvariantException.Require(Message.TryParse(bytes, out var message), "what it sends is KRPC");
            InvariantException.Require(AddressScope.IsPublic(_outbox.Batch[i].Remote.Address), "it sends to public addresses only");
            sent = sent * 31 + (int)message.Kind * 8 + (int)message.Method;
            if (message.Kind != MessageKind.Query)
                answers++;
            else if (_asked.Count < MostOutstanding)
                _asked.Add((BinaryPrimitives.ReadUInt32BigEndian(message.Transaction), _outbox.Batch[i].Remote));
        }
        InvariantException.Require(answers <= 1, "one answer to one query");
        _outbox.Batch.Clear();
    }
}
