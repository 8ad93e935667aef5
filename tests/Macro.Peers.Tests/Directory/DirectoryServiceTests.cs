using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class DirectoryServiceTests
{
    static readonly uint s_epoch = Epoch.At(Example.Now);
    readonly RelayDirectory _directory = Relays.Directory(Relays.Many(100));
    readonly DirectoryService _service;

    public DirectoryServiceTests() => _service = new DirectoryService(_directory, Example.Rules);

    [Fact]
    public void A_shard_is_listed_page_by_page_in_the_order_of_positions()
    {
        var first = Ask<ShardListed>(new AskShard(s_epoch, new Shard(0, 0), 0));
        Assert.Equal((100u, true, DirectoryMessage.MostItems), (first.Size, first.More, first.Items.Count));
        var second = Ask<ShardListed>(new AskShard(s_epoch, new Shard(0, 0), first.Items[^1].Position.Value + 1));
        Assert.False(second.More);
        DirectoryItem[] all = [.. first.Items, .. second.Items];
        Assert.Equal(all.Select(i => i.Position).Order(), all.Select(i => i.Position));
        Assert.Equal(100, all.Distinct().Count());
    }

    [Fact]
    public void A_shard_holds_what_is_in_it()
    {
        var shard = new Shard(3, 5);
        var listed = Ask<ShardListed>(new AskShard(s_epoch, shard, 0));
        Assert.Equal(_directory.In(shard).Select(_directory.ItemOf), listed.Items);
        Assert.All(listed.Items, i => Assert.True(shard.Contains(i.Position)));
        Assert.Equal((uint)listed.Items.Count, listed.Size);
    }

    [Fact]
    public void Descriptors_are_fetched_by_position_as_many_as_fit()
    {
        var items = Ask<ShardListed>(new AskShard(s_epoch, new Shard(0, 0), 0)).Items;
        Position[] wanted = [items[0].Position, new(12345), items[1].Position, items[2].Position, items[3].Position];
        var fetched = Ask<Fetched>(new Fetch(s_epoch, wanted));
        Assert.Equal((4, 3), (fetched.Considered, fetched.Descriptors.Count));
        Assert.Equal(DescriptorVerdict.Valid, SignedDescriptor.TryDecode(fetched.Descriptors[1].Span, Example.Rules, Example.Now, out var second));
        Assert.Equal(items[1], _directory.ItemOf(second!));
    }

    [Fact]
    public void What_is_published_waits_for_proof_and_is_not_passed_on_before()
    {
        var signed = Relays.Numbered(1000);
        var published = Ask<Published>(new Publish([signed.Encode().ToArray(), Relays.Numbered(1).Encode().ToArray(), new byte[300]]));
        Assert.Equal([PublishVerdict.Pending, PublishVerdict.Known, PublishVerdict.Invalid], published.Verdicts);
        Assert.True(_service.TryTakePublished(out var taken));
        Assert.Equal(signed.Id, taken.Id);
        Assert.False(_service.TryTakePublished(out _));
        Assert.Null(_directory.Find(signed.Id));
    }

    [Fact]
    public void Too_little_work_is_told_so_that_an_honest_relay_can_do_more()
    {
        _service.Rules = Example.Rules with { WorkBits = 30 };
        Assert.Equal([PublishVerdict.TooLittleWork], Ask<Published>(new Publish([Relays.Numbered(1000).Encode().ToArray()])).Verdicts);
    }

    [Fact]
    public void A_flood_of_forgeries_uses_up_its_own_budget_and_not_that_of_readers()
    {
        var forged = Relays.Numbered(1000).Encode().ToArray();
        forged[^1] ^= 1;
        forged[100] ^= 1;
        var busy = 0;
        for (var i = 0; i < 2000; i++)
            busy += Ask<Published>(new Publish([forged])).Verdicts[0] == PublishVerdict.Busy ? 1 : 0;
        Assert.InRange(2000 - busy, 100, 1000);
        Ask<ShardListed>(new AskShard(s_epoch, new Shard(3, 1), 0));
        Assert.Equal([PublishVerdict.Pending], Ask<Published>(new Publish([Relays.Numbered(1000).Encode().ToArray()]), Example.Now + TimeSpan.FromSeconds(1)).Verdicts);
    }

    [Fact]
    public void Endless_questions_are_turned_away()
    {
        var question = DirectoryCodec.Encode(new Reconcile(s_epoch, 1, [.. Enumerable.Repeat(PositionRange.All, 8)]));
        var last = ServiceVerdict.Answered;
        for (var i = 0; i < 5000 && last == ServiceVerdict.Answered; i++)
            last = _service.Answer(question, Example.Now, out _);
        Assert.Equal(ServiceVerdict.Busy, last);
    }

    [Fact]
    public void Another_epoch_is_answered_with_the_running_one() =>
        Assert.Equal(s_epoch, Ask<OtherEpoch>(new AskShard(s_epoch + 1, new Shard(0, 0), 0)).Epoch);

    [Fact]
    public void With_the_epoch_the_order_of_relays_changes()
    {
        var later = Epoch.StartOf(s_epoch + 1);
        var relay = Relays.Numbered(1, later - TimeSpan.FromMinutes(5));
        _directory.Offer(relay, later - TimeSpan.FromMinutes(5));
        var before = Ask<ShardListed>(new AskShard(s_epoch, new Shard(0, 0), 0), later - TimeSpan.FromSeconds(1)).Items.Single();
        var after = Ask<ShardListed>(new AskShard(s_epoch + 1, new Shard(0, 0), 0), later).Items.Single();
        Assert.NotEqual(before.Position, after.Position);
        Assert.Equal((before.Sequence, before.Digest), (after.Sequence, after.Digest));
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("820000000000000000")]
    [InlineData("0299")]
    public void What_is_no_question_is_malformed(string hex) =>
        Assert.Equal(ServiceVerdict.Malformed, _service.Answer(Convert.FromHexString(hex), Example.Now, out _));

    T Ask<T>(DirectoryMessage question, Instant? now = null)
        where T : DirectoryMessage
    {
        Assert.Equal(ServiceVerdict.Answered, _service.Answer(DirectoryCodec.Encode(question), now ?? Example.Now, out var answer));
        Assert.InRange(answer.Length, 1, DirectoryMessage.MaxSize);
        return Assert.IsType<T>(DirectoryCodec.Decode(answer));
    }
}
