using System.Text;
using CsCheck;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht.Tests;

public sealed class MessageTests
{
    static readonly Id160 s_id = Id160.Read("abcdefghij0123456789"u8);

    static readonly QueryHead s_head = new(s_id, 0x61616161, false);

    /// <summary>The examples of BEP 5.</summary>
    [Theory]
    [InlineData("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe", (int)Method.Ping)]
    [InlineData("d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe", (int)Method.FindNode)]
    [InlineData("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe", (int)Method.GetPeers)]
    [InlineData("d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe", (int)Method.AnnouncePeer)]
    public void Queries_of_the_specification_are_read(string text, int method)
    {
        Assert.True(Message.TryParse(Encoding.ASCII.GetBytes(text), out var message));
        Assert.Equal(MessageKind.Query, message.Kind);
        Assert.Equal((Method)method, message.Method);
        Assert.Equal(s_id, message.Sender);
        Assert.Equal("aa", Encoding.ASCII.GetString(message.Transaction));
        if (message.Method != Method.Ping)
            Assert.Equal(Id160.Read("mnopqrstuvwxyz123456"u8), message.Target);
        if (message.Method == Method.AnnouncePeer)
            Assert.True(message.ImpliedPort && message.Port == 6881 && message.Token.SequenceEqual("aoeusnth"u8));
    }

    [Fact]
    public void Answers_of_the_specification_are_read()
    {
        Assert.True(Message.TryParse("d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"u8, out var message));
        Assert.Equal(MessageKind.Response, message.Kind);
        var values = 0;
        foreach (var value in message.Values)
            values += value.Value.TryGetString(out var compact) && compact.Length == 6 ? 1 : 0;
        Assert.Equal(2, values);

        Assert.True(Message.TryParse("d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"u8, out message));
        Assert.Equal(MessageKind.Error, message.Kind);
        Assert.Equal(201, message.Error);
    }

    [Fact]
    public void Our_queries_are_those_of_the_specification()
    {
        var buffer = new byte[1500];
        string Text(int length) => Encoding.ASCII.GetString(buffer.AsSpan(0, length));

        Assert.Equal("d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t4:aaaa1:y1:qe", Text(Queries.Ping(buffer, s_head)));
        Assert.Equal("d1:ad2:id20:abcdefghij0123456789e1:q4:ping2:roi1e1:t4:aaaa1:y1:qe", Text(Queries.Ping(buffer, s_head with { ReadOnly = true })));
        Assert.Equal(
            "d1:ad2:id20:abcdefghij01234567896:target20:abcdefghij01234567894:wantl2:n42:n6ee1:q9:find_node1:t4:aaaa1:y1:qe",
            Text(Queries.FindNode(buffer, s_head, s_id, Want.V4 | Want.V6)));
    }

    [Fact]
    public void Everything_we_write_is_canonical()
    {
        var buffer = new byte[1500];
        using var key = new SigningKey(new byte[32]);
        var item = MutableItem.Sign(key, "salt"u8, 7, "1:v"u8);
        int[] lengths =
        [
            Check(Queries.GetPeers(buffer, s_head, s_id)), Check(Queries.AnnouncePeer(buffer, s_head, s_id, 1, true, "t"u8)),
            Check(Queries.Get(buffer, s_head, s_id, 5)), Check(Queries.Get(buffer, s_head, s_id, null)), Check(Queries.PutImmutable(buffer, s_head, "1:v"u8, "t"u8)),
            Check(Queries.PutMutable(buffer, s_head with { ReadOnly = true }, item, 6, "t"u8)), Check(Queries.SampleInfohashes(buffer, s_head, s_id)),
            Check(Replies.Error(buffer, Endpoint.Parse("[2a00::1]:1"), "t"u8, ErrorCode.CasMismatch)),
        ];
        Assert.All(lengths, length => Assert.InRange(length, 40, 300));

        int Check(int length)
        {
            Assert.True(Message.TryParse(buffer.AsSpan(0, length), out _));
            return length;
        }
    }

    [Theory]
    [InlineData("de")]
    [InlineData("le")]
    [InlineData("d1:t2:aae")]
    [InlineData("d1:y1:qe")]
    [InlineData("d1:t0:1:y1:qe")]
    [InlineData("d1:t33:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1:y1:qe")]
    [InlineData("d1:t2:aa1:y1:xe")]
    [InlineData("d1:t2:aa1:y2:qqe")]
    [InlineData("d1:t2:aa1:y1:re")]
    [InlineData("d1:r4:spam1:t2:aa1:y1:re")]
    [InlineData("d1:y1:q1:t2:aae")]
    public void What_cannot_be_answered_is_no_message(string text) =>
        Assert.False(Message.TryParse(Encoding.ASCII.GetBytes(text), out _));

    [Fact]
    public void Fields_of_the_wrong_type_or_size_count_as_absent()
    {
        Assert.True(Message.TryParse("d1:ad2:id3:abc1:ki7e4:porti-1e3:seq1:x6:target19:mnopqrstuvwxyz123455:token0:4:want1:xe1:qi1e1:t2:aa1:y1:qe"u8, out var message));
        Assert.Null(message.Sender);
        Assert.Null(message.Key);
        Assert.Null(message.Sequence);
        Assert.Null(message.Target);
        Assert.Null(message.Want);
        Assert.Equal(Method.Unknown, message.Method);
    }

    [Fact]
    public void Changed_messages_never_throw()
    {
        byte[][] messages =
        [
            [.. "d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"u8],
            [.. "d2:ip6:abcdef1:rd2:id20:abcdefghij01234567895:nodes26:abcdefghijklmnopqrstuvwxyz5:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"u8],
        ];
        Gen.Select(Gen.Int[0, 1], Gen.Int[0, 200], Gen.Byte, Gen.Int[0, 200], Gen.Byte).Sample((which, at, with, at2, with2) =>
        {
            var bytes = messages[which].ToArray();
            bytes[at % bytes.Length] = with;
            bytes[at2 % bytes.Length] = with2;
            if (!Message.TryParse(bytes, out var message))
                return;
            foreach (var value in message.Values)
                if (value.Value.TryGetString(out var compact))
                    Compact.TryReadEndpoint(compact, out _);
            for (var i = 0; Compact.TryReadNode(message.Nodes, true, i, out _); i++)
                continue;
        }, iter: 50_000);
    }

    [Fact]
    public void Compact_forms_round_trip_in_both_families()
    {
        var bytes = new byte[38];
        foreach (var text in new[] { "198.41.0.4:6881", "[2a00::1]:65535" })
        {
            var node = new NodeInfo(s_id, Endpoint.Parse(text));
            var length = Compact.Write(node, bytes);
            Assert.True(Compact.TryReadNode(bytes.AsSpan(0, length), node.Endpoint.Address.IsV4, 0, out var read));
            Assert.Equal(node, read);
            Assert.False(Compact.TryReadNode(bytes.AsSpan(0, length), node.Endpoint.Address.IsV4, 1, out _));
        }
        Assert.False(Compact.TryReadEndpoint(new byte[7], out _));
        byte[] mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4, 0, 80];
        Assert.False(Compact.TryReadEndpoint(mapped, out _));
    }
}
