using CsCheck;
using Macro.Core;

namespace Macro.Circuits.Tests.Exit;

public class AddressPoolTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1_700_000_000);
    static readonly TimeSpan Quarantine = TimeSpan.FromSeconds(60);

    [Fact]
    public void Hands_out_pairs_that_lead_back_to_their_session()
    {
        var pool = new AddressPool<string>();

        Assert.True(pool.TryTake("alice", Start, out var alice));
        Assert.True(pool.TryTake("bob", Start, out var bob));

        Assert.Equal(new AddressPair(IpAddress.Parse("100.65.0.2"), IpAddress.Parse("fd6d:6163:726f:65::2")), alice);
        Assert.Equal(("alice", "alice", "bob", "bob"), (pool.Find(alice.V4), pool.Find(alice.V6), pool.Find(bob.V4), pool.Find(bob.V6)));
        Assert.Equal(2, pool.Count);
    }

    [Theory]
    [InlineData("100.65.0.0")]
    [InlineData("100.65.0.1")]
    [InlineData("100.65.0.3")]
    [InlineData("100.65.255.255")]
    [InlineData("100.64.255.255")]
    [InlineData("100.66.0.0")]
    [InlineData("0.0.0.2")]
    [InlineData("255.255.255.255")]
    [InlineData("fd6d:6163:726f:65::3")]
    [InlineData("fd6d:6163:726f:65::1:2")]
    [InlineData("fd6d:6163:726f:65:1::2")]
    [InlineData("fd6d:6163:726f:64::2")]
    [InlineData("::2")]
    [InlineData("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")]
    public void Nobody_has_any_other_address(string address)
    {
        var pool = new AddressPool<string>();
        pool.TryTake("alice", Start, out _);

        Assert.Null(pool.Find(IpAddress.Parse(address)));
    }

    [Fact]
    public void A_returned_pair_rests_before_it_is_used_again()
    {
        var pool = new AddressPool<string>(Prefix.Parse("10.0.0.0/29"), quarantine: Quarantine);
        Assert.Equal(5, pool.Capacity);
        var pairs = Enumerable.Range(0, 5).Select(i => pool.TryTake($"{i}", Start, out var pair) ? pair : default).ToArray();
        Assert.Equal(IpAddress.Parse("10.0.0.6"), pairs[^1].V4);
        Assert.False(pool.TryTake("late", Start, out _));

        Assert.True(pool.Return(pairs[2], wasUsed: true, Start));

        Assert.Null(pool.Find(pairs[2].V4));
        Assert.Null(pool.Find(pairs[2].V6));
        Assert.False(pool.Return(pairs[2], wasUsed: true, Start));
        Assert.False(pool.TryTake("late", Start + Quarantine - TimeSpan.FromTicks(1), out _));
        Assert.True(pool.TryTake("late", Start + Quarantine, out var again));
        Assert.Equal(pairs[2], again);
        Assert.Equal("late", pool.Find(again.V6));
    }

    [Fact]
    public void A_pair_that_was_not_used_needs_no_rest()
    {
        var pool = new AddressPool<string>(Prefix.Parse("10.0.0.0/29"), quarantine: Quarantine);
        for (var i = 0; i < 20; i++)
        {
            Assert.True(pool.TryTake("stranger", Start, out var pair));
            Assert.True(pool.Return(pair, wasUsed: false, Start));
        }
        Assert.Equal(0, pool.Count);
    }

    [Fact]
    public void A_pair_that_was_never_one_is_not_taken_back()
    {
        var pool = new AddressPool<string>();
        pool.TryTake("alice", Start, out var alice);
        pool.TryTake("bob", Start, out var bob);

        Assert.False(pool.Return(new AddressPair(alice.V4, bob.V6), wasUsed: true, Start));
        Assert.False(pool.Return(default, wasUsed: true, Start));
        Assert.False(pool.Return(pool.Gateway, wasUsed: true, Start));
        Assert.Equal(2, pool.Count);
    }

    [Fact]
    public void Agrees_with_a_plain_model() =>
        Gen.Select(Gen.Bool, Gen.Int[0, 20], Gen.Int[0, 30], Gen.Bool).Array[0, 200].Sample(steps =>
        {
            var pool = new AddressPool<object>(Prefix.Parse("10.0.0.0/28"), quarantine: Quarantine);
            var held = new List<(AddressPair Pair, object Session)>();
            var returned = new Dictionary<AddressPair, Instant>();
            var now = Start;
            foreach (var (take, which, seconds, wasUsed) in steps)
            {
                now += TimeSpan.FromSeconds(seconds);
                if (take)
                {
                    var session = new object();
                    var free = pool.Capacity - held.Count - returned.Values.Count(at => now - at < Quarantine);
                    Assert.Equal(free > 0, pool.TryTake(session, now, out var pair));
                    if (free > 0)
                    {
                        Assert.DoesNotContain(held, entry => entry.Pair == pair);
                        Assert.True(!returned.Remove(pair, out var at) || now - at >= Quarantine);
                        held.Add((pair, session));
                    }
                }
                else if (held.Count > 0)
                {
                    var (pair, _) = held[which % held.Count];
                    Assert.True(pool.Return(pair, wasUsed, now));
                    held.RemoveAt(which % held.Count);
                    if (wasUsed)
                        returned[pair] = now;
                }
                Assert.Equal(held.Count, pool.Count);
                Assert.All(held, entry => Assert.True(ReferenceEquals(pool.Find(entry.Pair.V4), entry.Session) && ReferenceEquals(pool.Find(entry.Pair.V6), entry.Session)));
            }
        });

    [Fact]
    public void Readers_see_a_whole_session_or_none_while_the_owner_changes_it()
    {
        var pool = new AddressPool<Tuple<AddressPair>>(Prefix.Parse("10.0.0.0/29"), quarantine: TimeSpan.Zero);
        using var stop = new CancellationTokenSource();
        var wrong = 0;
        var reader = new Thread(() =>
        {
            while (!stop.IsCancellationRequested)
                for (uint i = 0; i < 8; i++)
                    if (pool.Find(IpAddress.FromV4(0x0a000000 + i)) is { Item1: var pair } && pair != default)
                        Interlocked.Increment(ref wrong);
        });
        reader.Start();
        for (var i = 0; i < 200_000; i++)
        {
            Assert.True(pool.TryTake(Tuple.Create(default(AddressPair)), Start, out var pair));
            Assert.True(pool.Return(pair, wasUsed: true, Start));
        }
        stop.Cancel();
        reader.Join();

        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Prefixes_that_cannot_serve_are_misuse()
    {
        Assert.Throws<ArgumentException>(() => new AddressPool<string>(Prefix.Parse("10.0.0.0/30")));
        Assert.Throws<ArgumentException>(() => new AddressPool<string>(Prefix.Parse("fd00::/64")));
        Assert.Throws<ArgumentException>(() => new AddressPool<string>(v6: Prefix.Parse("fd00::/120")));
        Assert.Equal(65533, new AddressPool<string>(Prefix.Parse("10.0.0.0/8")).Capacity);
    }
}
