using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class ReconcilerTests(ITestOutputHelper output)
{
    readonly SeededRandom _random = new(5);

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0, 0, 500)]
    [InlineData(0, 500, 0)]
    [InlineData(500, 1, 1)]
    [InlineData(500, 100, 50)]
    public void Two_directories_learn_all_that_they_lack(int shared, int mine, int theirs)
    {
        var both = Relays.Many(shared);
        var (a, b) = (Relays.Directory([.. both, .. Relays.Many(mine, 10_000)]), Relays.Directory([.. both, .. Relays.Many(theirs, 20_000)]));
        var session = Reconcile(a, b);
        Assert.Equal((theirs, mine), (session.Found, session.Offered));
        Assert.Equal(shared + mine + theirs, a.Count);
        Assert.Equal(a.Current(Example.Now).Select(d => d.Digest), b.Current(Example.Now).Select(d => d.Digest));
    }

    [Fact]
    public void The_newer_of_two_descriptors_goes_to_the_side_that_has_the_older()
    {
        var later = Example.Now + TimeSpan.FromMinutes(1);
        var (a, b) = (Relays.Directory(Relays.Many(50)), Relays.Directory(Relays.Many(50)));
        a.Offer(Relays.Numbered(3, later), later);
        b.Offer(Relays.Numbered(4, later), later);
        var session = Reconcile(a, b);
        Assert.Equal((1, 1), (session.Found, session.Offered));
        Assert.Equal(later.UnixSeconds, a.Find(Relays.Numbered(4).Id)!.Sequence);
        Assert.Equal(later.UnixSeconds, b.Find(Relays.Numbered(3).Id)!.Sequence);
    }

    [Fact]
    public void Bytes_are_proportional_to_the_difference()
    {
        var relays = Relays.Many(4000);
        var per = new List<double>();
        foreach (var difference in (int[])[4, 16, 64, 256])
        {
            var session = Reconcile(Relays.Directory(relays), Relays.Directory(relays.Skip(difference)));
            per.Add((double)session.Overhead / difference);
            output.WriteLine($"4000 relays, {difference} differ: {session.Overhead} bytes in {session.Questions} questions, {per[^1]:F0} each");
        }
        Assert.All(per, p => Assert.InRange(p, 0, 800));
        Assert.True(per[^1] < per[0]);
    }

    [Fact]
    public void Equal_directories_say_so_in_one_question()
    {
        var relays = Relays.Many(2000);
        var session = Reconcile(Relays.Directory(relays), Relays.Directory(relays));
        Assert.Equal((1, 0, 0), (session.Questions, session.Found, session.Offered));
        Assert.InRange(session.Overhead, 0, 200);
    }

    [Fact]
    public void What_was_met_before_is_not_fetched_again()
    {
        var (a, b) = (Relays.Directory(Relays.Many(20)), Relays.Directory(Relays.Many(40)));
        var session = Run(new Reconciler(a, Example.Rules, _random, _ => true, Example.Now), new DirectoryService(b, Example.Rules), a, b);
        Assert.Equal(0, session.Found);
        Assert.Equal(20, a.Count);
    }

    [Fact]
    public void A_relay_that_answers_noise_is_left_after_a_bounded_number_of_questions()
    {
        var session = new Reconciler(Relays.Directory(Relays.Many(100)), Example.Rules, _random, _ => false, Example.Now);
        while (!session.IsDone)
            while (session.TryTakeRequest(out var number, out var request))
            {
                var asked = (Reconcile)DirectoryCodec.Decode(request)!;
                var noise = new RangeSplit([.. Enumerable.Range(0, 16).Select(_ => _random.NextUInt64())]);
                session.HandleAnswer(number, DirectoryCodec.Encode(new Reconciled(asked.Epoch, [noise])), Example.Now);
            }
        Assert.True(session.Failed);
        Assert.InRange(session.Questions, 1, Reconciler.MostQuestions + 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")]
    [InlineData("ff01000000")]
    public void Another_answer_ends_the_session(string hex)
    {
        var session = new Reconciler(Relays.Directory(Relays.Many(3)), Example.Rules, _random, _ => false, Example.Now);
        Assert.True(session.TryTakeRequest(out var number, out _));
        session.HandleAnswer(number, Convert.FromHexString(hex), Example.Now);
        Assert.True(session.Failed && session.IsDone);
        Assert.False(session.TryTakeRequest(out _, out _));
    }

    Reconciler Reconcile(RelayDirectory a, RelayDirectory b) =>
        Run(new Reconciler(a, Example.Rules, _random, _ => false, Example.Now), new DirectoryService(b, Example.Rules), a, b);

    /// <summary>Everything is proven at once.</summary>
    static Reconciler Run(Reconciler session, DirectoryService service, RelayDirectory a, RelayDirectory b)
    {
        var now = Example.Now + TimeSpan.FromMinutes(2);
        while (!session.IsDone)
        {
            now += TimeSpan.FromMilliseconds(50);
            while (session.TryTakeRequest(out var number, out var request))
            {
                Assert.InRange(request.Length, 1, DirectoryMessage.MaxSize);
                Assert.Equal(ServiceVerdict.Answered, service.Answer(request, now, out var answer));
                session.HandleAnswer(number, answer, now);
                while (service.TryTakePublished(out var published))
                    b.Offer(published, now);
            }
            while (session.TryTakeFetched(out var fetched))
                a.Offer(fetched, now);
        }
        Assert.False(session.Failed);
        return session;
    }
}
