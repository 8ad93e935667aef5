using System.Text;
using CsCheck;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Dht.Tests;

/// <summary>One node, asked directly.</summary>
public sealed class ResponderTests
{
    static readonly Endpoint s_asker = Endpoint.Parse("198.41.0.4:6881");
    static readonly Id160 s_target = Id160.HashOf("target"u8);

    readonly Outbox _outbox = new();
    readonly SeededRandom _random = new(5);
    readonly byte[] _buffer = new byte[4096];
    readonly DhtNode _node;
    readonly QueryHead _head;
    Instant _now = Instant.FromUnixSeconds(1_800_000_000);

    public ResponderTests()
    {
        _node = new DhtNode(new DhtOptions(), _random, _outbox, _now);
        _head = new QueryHead(Id160.Random(_random), 1, ReadOnly: true);
    }

    [Fact]
    public void An_answer_has_our_id_the_asker_endpoint_and_his_transaction()
    {
        var answer = Ask("d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t3:xyz1:y1:qe"u8);
        Assert.True(Message.TryParse(answer, out var message));
        Assert.Equal(MessageKind.Response, message.Kind);
        Assert.Equal("xyz", Encoding.ASCII.GetString(message.Transaction));
        Assert.Equal(_node.State(v4: true)!.Id, message.Sender);
        Assert.True(Compact.TryReadEndpoint(message.SeenAs, out var seen));
        Assert.Equal(s_asker, seen);
    }

    [Theory]
    [InlineData("d1:q4:ping1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ade1:q4:ping1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q9:find_node1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q3:get1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij01234567891:vi1ee1:q3:put1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij01234567895:token1:x1:vi1ee1:q3:put1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti0e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:porti65536e5:token1:xe1:q13:announce_peer1:t2:aa1:y1:qe", 203)]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q4:vote1:t2:aa1:y1:qe", 204)]
    public void What_a_query_lacks_is_told(string query, int code)
    {
        Assert.True(Message.TryParse(Ask(Encoding.ASCII.GetBytes(query)), out var message));
        Assert.Equal(code, message.Error);
    }

    [Fact]
    public void An_unknown_query_with_a_target_is_answered_with_nodes()
    {
        Assert.True(Message.TryParse(Ask("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q4:vote1:t2:aa1:y1:qe"u8), out var message));
        Assert.Equal(MessageKind.Response, message.Kind);
    }

    [Fact]
    public void A_token_belongs_to_an_address_and_a_target_and_lives_five_to_ten_minutes()
    {
        var token = TokenFor(s_target, s_asker);
        Assert.Equal(203, Announce(token, s_asker with { Address = IpAddress.Parse("198.41.0.5") }));
        Assert.Equal(203, Announce(TokenFor(Id160.HashOf("x"u8), s_asker), s_asker));
        Assert.Equal(0, Announce(token, s_asker with { Port = 7 }));
        _now += TimeSpan.FromMinutes(5);
        Assert.Equal(0, Announce(token, s_asker));
        TokenFor(s_target, s_asker);
        _now += TimeSpan.FromMinutes(5);
        Assert.Equal(203, Announce(token, s_asker));
    }

    [Fact]
    public void A_secret_that_rested_for_long_is_worth_nothing()
    {
        var token = TokenFor(s_target, s_asker);
        _now += TimeSpan.FromHours(1);
        Assert.Equal(203, Announce(token, s_asker));
    }

    [Theory]
    [InlineData(1, 0, 6, null, 0)]
    [InlineData(1, 0, 5, null, 302)]
    [InlineData(1, 0, 4, null, 302)]
    [InlineData(1, 0, 6, 5L, 0)]
    [InlineData(1, 0, 6, 4L, 301)]
    [InlineData(1, 65, 6, null, 207)]
    [InlineData(997, 0, 6, null, 205)]
    [InlineData(996, 0, 6, null, 0)]
    public void Puts_of_mutable_items_are_judged(int size, int saltSize, long sequence, long? cas, int error)
    {
        using var key = new SigningKey(new byte[32]);
        Assert.Equal(0, Put(key, [], 5, ItemValue.FromBytes("first"u8), null));
        var salt = new byte[saltSize];
        Assert.Equal(error, Put(key, salt, sequence, ItemValue.FromBytes(new byte[size]), cas));
        Assert.Equal(1, _node.Items.Count);
    }

    [Fact]
    public void A_put_with_a_forged_signature_is_206_and_half_a_signature_203()
    {
        using var key = new SigningKey(new byte[32]);
        Assert.Equal(206, Put(key, [], 1, "1:x"u8.ToArray(), null, forge: true));
        var token = TokenFor(Id160.HashOf("1:x"u8), s_asker);
        byte[] query = [.. "d1:ad2:id20:abcdefghij01234567893:seqi1e5:token8:"u8, .. token, .. "1:v1:xe1:q3:put1:t2:aa1:y1:qe"u8];
        Assert.True(Message.TryParse(Ask(query), out var message));
        Assert.Equal(203, message.Error);
        Assert.Equal(0, _node.Items.Count);
    }

    [Fact]
    public void Puts_from_many_sources_cost_a_bounded_number_of_signatures()
    {
        using var key = new SigningKey(new byte[32]);
        var item = MutableItem.Sign(key, [], 1, "1:x"u8);
        var codes = new List<int>();
        for (var i = 0; i < 3 * ItemStore.MostVerified; i++)
        {
            var source = new Endpoint(IpAddress.FromV4(0x08000000u + (uint)i * 251), 53);
            var other = MutableItem.Sign(key, BitConverter.GetBytes(i), 1, "1:x"u8);
            codes.Add(ErrorOf(Ask(Queries.PutMutable(_buffer, _head, other, null, TokenFor(other.Target, source)), source)));
        }
        Assert.Equal(2 * ItemStore.MostVerified, codes.Count(code => code == 0));
        Assert.All(codes[^10..], code => Assert.Equal(202, code));
        _now += TimeSpan.FromSeconds(1);
        Assert.Equal(0, ErrorOf(Ask(Queries.PutMutable(_buffer, _head, item, null, TokenFor(item.Target, s_asker)), s_asker)));
    }

    [Fact]
    public void An_item_lives_two_hours_after_its_last_put()
    {
        using var key = new SigningKey(new byte[32]);
        var target = MutableItem.TargetOf(key.PublicKey, []);
        Put(key, [], 1, "1:x"u8.ToArray(), null);
        _now += TimeSpan.FromMinutes(119);
        Assert.Equal(0, Put(key, [], 1, "1:x"u8.ToArray(), null));
        _now += TimeSpan.FromMinutes(119);
        Assert.True(Has(target));
        _now += TimeSpan.FromMinutes(1);
        Assert.False(Has(target));
    }

    [Fact]
    public void An_item_of_our_own_is_served_under_the_targets_that_we_want_until_it_is_replaced_or_removed()
    {
        using var key = new SigningKey(new byte[32]);
        MutableItem Version(long sequence) => MutableItem.Sign(key, "m1"u8, sequence, ItemValue.FromBytes(new byte[480]));
        _node.Serve(s_target, Version(1));
        _node.Serve(s_target, Version(2));
        _now += TimeSpan.FromDays(1);

        Assert.True(Message.TryParse(Ask(Queries.Get(_buffer, _head, s_target, newerThan: null)), out var message));
        Assert.Equal(key.PublicKey, message.Key);
        Assert.True(MutableItem.TryVerify(key.PublicKey, "m1"u8, 2, message.Value, message.Signature, out _));
        Assert.Equal(Tokens.Size, message.Token.Length);
        Assert.True(Message.TryParse(Ask(Queries.Get(_buffer, _head, s_target, newerThan: 2)), out message));
        Assert.Equal(2, message.Sequence);
        Assert.True(message.Value.IsEmpty);
        Assert.False(Has(Version(2).Target));

        _node.StopServing(s_target);
        Assert.False(Has(s_target));
    }

    [Fact]
    public void What_others_put_does_not_displace_what_we_serve()
    {
        using var key = new SigningKey(new byte[32]);
        var ours = MutableItem.Sign(key, [], 5, "1:a"u8);
        _node.Serve(ours.Target, ours);
        Assert.Equal(0, Put(key, [], 6, "1:b"u8.ToArray(), null));
        Assert.Equal(0, Put(key, [], 6, "1:b"u8.ToArray(), null));
        _now += TimeSpan.FromHours(3);

        Assert.True(Message.TryParse(Ask(Queries.Get(_buffer, _head, ours.Target, newerThan: null)), out var message));
        Assert.Equal(5, message.Sequence);
    }

    [Fact]
    public void At_most_64_targets_are_served()
    {
        using var key = new SigningKey(new byte[32]);
        var ours = MutableItem.Sign(key, [], 5, "1:a"u8);
        for (var i = 0; i < ItemStore.MostServed; i++)
            _node.Serve(Id160.Random(_random), ours);
        Assert.Throws<InvalidOperationException>(() => _node.Serve(s_target, ours));
    }

    [Fact]
    public void One_network_fills_its_share_of_the_store_only()
    {
        using var key = new SigningKey(new byte[32]);
        Put(key, [], 1, "1:x"u8.ToArray(), null);
        for (var i = 0; i < 300; i++)
        {
            _now += TimeSpan.FromSeconds(1);
            PutFrom(new Endpoint(IpAddress.FromV4(0x05060700u + (uint)i % 256), 1), key, BitConverter.GetBytes(i));
        }
        Assert.Equal(1 + ItemStore.MostOfSite, _node.Items.Count);
        Assert.True(Has(MutableItem.TargetOf(key.PublicKey, [])));
    }

    [Fact]
    public void Who_asks_too_often_is_left_alone_and_others_are_not()
    {
        var answered = 0;
        for (var i = 0; i < 1000; i++)
            answered += Ask(Ping(), s_asker).Length > 0 ? 1 : 0;
        Assert.InRange(answered, 100, 101);
        Assert.NotEmpty(Ask(Ping(), s_asker with { Address = IpAddress.Parse("198.41.0.5") }));
        _now += TimeSpan.FromSeconds(1);
        Assert.NotEmpty(Ask(Ping(), s_asker));
    }

    /// <summary>Somebody writes a victim's address on queries for the largest thing there is.</summary>
    [Fact]
    public void Amplification_is_bounded()
    {
        using var key = new SigningKey(new byte[32]);
        Assert.Equal(0, Put(key, [], 1, ItemValue.FromBytes(new byte[996]), null));
        var query = _buffer[..Queries.Get(_buffer, _head, MutableItem.TargetOf(key.PublicKey, []), null)];
        long asked = 0, answered = 0, toOne = 0;
        for (var i = 0; i < 20_000; i++)
        {
            _now += TimeSpan.FromMilliseconds(1);
            var victim = i % 2 == 0 ? s_asker.Address : IpAddress.FromV4(0x08000000u + (uint)i * 251);
            var answer = Ask(query, new Endpoint(victim, 53)).Length;
            asked += query.Length;
            answered += answer;
            toOne += victim == s_asker.Address ? answer : 0;
        }
        Assert.True(answered < 3 * asked + 20 * 128 * 1024 + 512 * 1024, $"{answered} bytes for {asked}");
        Assert.InRange(toOne, 0, 200 * 1024);
    }

    [Theory]
    [InlineData("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee1:q9:find_node1:t1:a1:y1:qe")]
    [InlineData("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee1:q9:get_peers1:t1:a1:y1:qe")]
    [InlineData("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz1234564:wantl2:n42:n6ee1:q3:get1:t1:a1:y1:qe")]
    [InlineData("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q17:sample_infohashes1:t1:a1:y1:qe")]
    public void When_the_allowance_is_spent_no_answer_is_longer_than_three_times_the_query(string text)
    {
        Fill();
        var query = Encoding.ASCII.GetBytes(text);
        for (var i = 0; i < 2000; i++)
            Ask(query, new Endpoint(IpAddress.FromV4(0x08000000u + (uint)i * 251), 53));
        var answer = Ask(query, new Endpoint(IpAddress.FromV4(0x09000000u), 53));
        Assert.InRange(answer.Length, 1, 3 * query.Length);
    }

    [Fact]
    public void An_item_of_our_own_is_given_to_whoever_asks_directly_even_when_the_allowance_is_spent()
    {
        Fill();
        using var key = new SigningKey(new byte[32]);
        _node.Serve(s_target, MutableItem.Sign(key, "m1"u8, 1_800_000_000, ItemValue.FromBytes(new byte[480])));
        var greedy = _buffer[..Queries.Get(_buffer, _head, s_target, newerThan: null)];
        for (var i = 0; i < 2000; i++)
            Ask(greedy, new Endpoint(IpAddress.FromV4(0x08000000u + (uint)i * 251), 53));
        Assert.True(Message.TryParse(Ask(greedy, new Endpoint(IpAddress.FromV4(0x09000000u), 53)), out var message));
        Assert.True(message.Value.IsEmpty);

        var asked = _buffer[..Queries.AskItem(_buffer, _head with { ReadOnly = false }, s_target)];
        byte[] answer = [];
        for (var i = 0; i < 500; i++)
            answer = Ask(asked, new Endpoint(IpAddress.FromV4(0x09000000u + (uint)i * 251), 53));
        Assert.True(Message.TryParse(answer, out message));
        Assert.Equal(484, message.Value.Length);
        Assert.InRange(answer.Length, 1, 3 * asked.Length);
    }

    [Fact]
    public void Read_only_nodes_answer_nobody_and_read_only_askers_are_no_contacts()
    {
        Ask(Queries.Ping(_buffer, _head));
        Assert.Equal(0, Sent(except: s_asker));
        Ask(Queries.Ping(_buffer, _head with { ReadOnly = false, Id = Id160.Random(_random) }), s_asker);
        Assert.Equal(1, _sentBesides);
        _node.ReadOnly = true;
        Assert.Empty(Ask(Ping(), s_asker));
    }

    [Theory]
    [InlineData("10.0.0.1:6881")]
    [InlineData("127.0.0.1:6881")]
    [InlineData("224.0.0.1:6881")]
    [InlineData("198.41.0.4:0")]
    [InlineData("[fe80::1]:6881")]
    public void Endpoints_that_cannot_be_nodes_get_no_answer(string source) =>
        Assert.Equal(DatagramVerdict.Refused, _node.Receive(Ping(), Endpoint.Parse(source), _now));

    [Fact]
    public void Garbage_and_changed_queries_never_throw()
    {
        var query = _buffer[..Queries.AnnouncePeer(_buffer, _head, s_target, 7, true, new byte[8])];
        Gen.Select(Gen.Byte.Array[0, 200], Gen.Int[0, 1000], Gen.Byte, Gen.Int[0, 1000], Gen.Byte).Sample((garbage, at, with, at2, with2) =>
        {
            _now += TimeSpan.FromSeconds(1);
            Ask(garbage);
            var changed = query.ToArray();
            changed[at % changed.Length] = with;
            changed[at2 % changed.Length] = with2;
            Ask(changed);
        }, iter: 20_000, threads: 1);
    }

    [Fact]
    public void Both_families_are_told_when_wanted()
    {
        _node.AddNodes([], _now);
        var length = Queries.FindNode(_buffer, _head, s_target, Want.V4 | Want.V6);
        Assert.Contains("6:nodes6", Encoding.ASCII.GetString(Ask(length)));
        length = Queries.FindNode(_buffer, _head, s_target, Want.None);
        var answer = Encoding.ASCII.GetString(Ask(length));
        Assert.Contains("5:nodes", answer);
        Assert.DoesNotContain("nodes6", answer);
    }

    /// <summary>Contacts in both families and a peer for each info-hash, so that answers have something to tell.</summary>
    void Fill()
    {
        for (var i = 0; i < 30; i++)
        {
            foreach (var v4 in new[] { true, false })
            {
                var address = v4 ? IpAddress.FromV4(0x2c800001u + ((uint)i << 8)) : new IpAddress(((UInt128)0x2a0e440000000000UL << 64) | ((UInt128)(uint)i << 80) | 1);
                var node = new NodeInfo(Id160.Random(_random), new Endpoint(address, 6881));
                _node.Family(v4)!.Table.Answered(node, secure: true, _now);
            }
            _node.Peers.Announce(Id160.Random(_random), new Endpoint(IpAddress.FromV4(0x2c800001u + ((uint)i << 8)), 7), default, _now);
        }
    }

    int _sentBesides;

    byte[] Ping() => _buffer[..Queries.Ping(_buffer, _head)];

    byte[] Ask(int length) => Ask(_buffer.AsSpan(0, length).ToArray());

    byte[] Ask(int length, Endpoint from) => Ask(_buffer.AsSpan(0, length).ToArray(), from);

    byte[] Ask(ReadOnlySpan<byte> query, Endpoint? from = null)
    {
        _outbox.Batch.Clear();
        _node.Receive(query, from ?? s_asker, _now);
        byte[] answer = [];
        _sentBesides = 0;
        for (var i = 0; i < _outbox.Batch.Count; i++)
        {
            Assert.True(Message.TryParse(_outbox.Batch.Bytes(i), out var message));
            if (message.Kind == MessageKind.Query)
                _sentBesides++;
            else
                answer = _outbox.Batch.Bytes(i).ToArray();
        }
        _outbox.Batch.Clear();
        return answer;
    }

    int Sent(Endpoint except) => Enumerable.Range(0, _outbox.Batch.Count).Count(i => _outbox.Batch[i].Remote != except);

    byte[] TokenFor(Id160 target, Endpoint asker)
    {
        var answer = Ask(Queries.Get(_buffer, _head, target, null), asker);
        Assert.True(Message.TryParse(answer, out var message));
        Assert.Equal(Tokens.Size, message.Token.Length);
        return message.Token.ToArray();
    }

    int Announce(byte[] token, Endpoint from) => ErrorOf(Ask(Queries.AnnouncePeer(_buffer, _head, s_target, 1, false, token), from));

    bool Has(Id160 target)
    {
        Assert.True(Message.TryParse(Ask(Queries.Get(_buffer, _head, target, null)), out var message));
        return !message.Value.IsEmpty;
    }

    int Put(SigningKey key, byte[] salt, long sequence, byte[] value, long? cas, bool forge = false)
    {
        var asker = s_asker;
        var valid = salt.Length <= 64 && value.Length <= 1000;
        var target = salt.Length <= 64 ? MutableItem.TargetOf(key.PublicKey, salt) : default;
        var token = TokenFor(target, asker);
        var signature = new byte[64];
        if (valid && !forge)
            signature = MutableItem.Sign(key, salt, sequence, value).Signature.ToArray();
        var writer = new BencodeWriter(_buffer);
        writer.Raw("d1:ad"u8);
        if (cas is { } expected)
            writer.Integer("cas"u8, expected);
        writer.Id("id"u8, _head.Id);
        writer.String("k"u8, key.PublicKey.ToArray());
        writer.String("salt"u8, salt);
        writer.Integer("seq"u8, sequence);
        writer.String("sig"u8, signature);
        writer.String("token"u8, token);
        writer.Raw("1:v"u8);
        writer.Raw(value);
        writer.Raw("e1:q3:put2:roi1e1:t2:aa1:y1:qe"u8);
        return ErrorOf(Ask(writer.Length));
    }

    void PutFrom(Endpoint asker, SigningKey key, byte[] salt)
    {
        var item = MutableItem.Sign(key, salt, 1, "1:x"u8);
        var token = TokenFor(item.Target, asker);
        Assert.Equal(0, ErrorOf(Ask(Queries.PutMutable(_buffer, _head, item, null, token), asker)));
    }

    static int ErrorOf(byte[] answer)
    {
        Assert.True(Message.TryParse(answer, out var message));
        return message.Error;
    }
}
