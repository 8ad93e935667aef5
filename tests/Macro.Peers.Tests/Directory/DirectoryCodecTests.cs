using CsCheck;

namespace Macro.Peers.Tests;

public sealed class DirectoryCodecTests
{
    static readonly DirectoryItem[] s_items = [new(new Position(1), 2, 3), new(new Position(ulong.MaxValue), uint.MaxValue, 4)];

    static readonly DirectoryMessage[] s_messages =
    [
        new Publish([Example.Signed().Encode().ToArray(), Example.Signed().Encode().ToArray()]),
        new Published([PublishVerdict.Taken, PublishVerdict.Busy]),
        new AskShard(5, new Shard(10, 1023), 77),
        new ShardListed(5, 66, true, s_items),
        new AskRoot(),
        new RootTold(5, 4, Example.Key(1), 9, 10, 16),
        new Reconcile(5, 0x1122334455667788, [PositionRange.All, new PositionRange(60, 0xfffffffffffffff0)]),
        new Reconciled(5, [new RangeItems(s_items), new RangeSplit([.. Enumerable.Range(0, 16).Select(i => (ulong)i)]), new RangeItems([])]),
        new Fetch(5, [new Position(1), new Position(2)]),
        new Fetched(3, [Example.Signed().Encode().ToArray()]),
        new Fetched(1, []),
        new OtherEpoch(9),
        new AskSelf(),
        new SelfTold(Example.Signed().Encode().ToArray()),
        new SelfTold(default),
    ];

    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, s_messages.Length)];

    [Theory, MemberData(nameof(Numbers))]
    public void Every_message_is_read_back(int number)
    {
        var bytes = DirectoryCodec.Encode(s_messages[number]);
        var read = DirectoryCodec.Decode(bytes);
        Assert.Equal(s_messages[number].GetType(), read!.GetType());
        Assert.Equal(bytes, DirectoryCodec.Encode(read));
    }

    [Theory, MemberData(nameof(Numbers))]
    public void A_byte_too_many_or_too_few_is_refused(int number)
    {
        var bytes = DirectoryCodec.Encode(s_messages[number]);
        if (s_messages[number] is not SelfTold)
            Assert.Null(DirectoryCodec.Decode([.. bytes, 0]));
        if (s_messages[number] is not SelfTold { Descriptor.Length: > 0 })
            Assert.Null(DirectoryCodec.Decode(bytes.AsSpan(0, bytes.Length - 1)));
    }

    /// <summary>The example of docs/protocol/directory.md.</summary>
    [Fact]
    public void The_bytes_are_as_documented()
    {
        Assert.Equal("0285450100" + "0a" + "ff030000" + "4d00000000000000", Convert.ToHexStringLower(DirectoryCodec.Encode(new AskShard(83333, new Shard(10, 1023), 77))));
        Assert.Equal("03", Convert.ToHexStringLower(DirectoryCodec.Encode(new AskRoot())));
        Assert.Equal(
            "0485450100" + "8877665544332211" + "01" + "04" + "00000000000000b0",
            Convert.ToHexStringLower(DirectoryCodec.Encode(new Reconcile(83333, 0x1122334455667788, [PositionRange.All.Part(11)]))));
    }

    [Fact]
    public void Three_descriptors_of_the_usual_size_fit_a_message()
    {
        var one = Example.Signed().Encode().ToArray();
        Assert.InRange(DirectoryCodec.Encode(new Fetched(3, [one, one, one])).Length, 800, DirectoryMessage.MaxSize);
        Assert.Throws<ArgumentException>(() => DirectoryCodec.Encode(new Fetched(4, [one, one, one, one])));
    }

    [Fact]
    public void The_longest_lists_fit_a_message()
    {
        var items = Enumerable.Range(0, DirectoryMessage.MostItems).Select(i => new DirectoryItem(new Position((ulong)i), 1, 1)).ToArray();
        Assert.NotNull(DirectoryCodec.Decode(DirectoryCodec.Encode(new ShardListed(1, 1, false, items))));
        Assert.NotNull(DirectoryCodec.Decode(DirectoryCodec.Encode(new Reconcile(1, 1, [.. Enumerable.Repeat(PositionRange.All, DirectoryMessage.MostAsked)]))));
    }

    [Fact]
    public void Garbage_never_throws_and_what_is_read_has_one_encoding() =>
        Gen.Select(Gen.Int[0, s_messages.Length - 1], Gen.Select(Gen.Int[0, 300], Gen.Byte).Array[0, 4], Gen.Int[0, 3]).Sample((which, edits, cut) =>
        {
            var bytes = DirectoryCodec.Encode(s_messages[which]);
            foreach (var (at, value) in edits)
                bytes[at % bytes.Length] = value;
            bytes = bytes[..Math.Max(0, bytes.Length - cut)];
            return DirectoryCodec.Decode(bytes) is not { } read || DirectoryCodec.Encode(read).AsSpan().SequenceEqual(bytes);
        }, iter: 50_000);
}
