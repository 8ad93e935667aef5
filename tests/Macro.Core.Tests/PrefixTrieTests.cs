using CsCheck;

namespace Macro.Core.Tests;

public class PrefixTrieTests
{
    [Fact]
    public void The_longest_prefix_wins()
    {
        var trie = new PrefixTrie<string>();
        trie.Set(Prefix.Parse("0.0.0.0/0"), "default");
        trie.Set(Prefix.Parse("10.0.0.0/8"), "ten");
        trie.Set(Prefix.Parse("10.1.2.3/32"), "host");

        Assert.Equal("host", trie.Find(IpAddress.Parse("10.1.2.3")));
        Assert.Equal("ten", trie.Find(IpAddress.Parse("10.1.2.4")));
        Assert.Equal("default", trie.Find(IpAddress.Parse("11.0.0.0")));
        Assert.Null(trie.Find(IpAddress.Parse("2001:db8::1")));
    }

    [Fact]
    public void The_default_route_of_one_family_is_not_that_of_the_other()
    {
        var trie = new PrefixTrie<string>();
        trie.Set(Prefix.Parse("::/0"), "six");

        Assert.Null(trie.Find(IpAddress.Parse("10.1.2.3")));
        Assert.Equal("six", trie.Find(IpAddress.Parse("2001:db8::1")));
    }

    [Fact]
    public void It_equals_a_list_of_prefixes() =>
        Gen.Select(Operation.Array[1, 60], Address.Array[20]).Sample(
            (operations, addresses) =>
            {
                var trie = new PrefixTrie<string>();
                var model = new Dictionary<Prefix, string>();
                foreach (var (prefix, value) in operations)
                {
                    if (value == 0)
                    {
                        Assert.Equal(model.Remove(prefix), trie.Remove(prefix));
                    }
                    else
                    {
                        trie.Set(prefix, $"{value}");
                        model[prefix] = $"{value}";
                    }
                }
                Assert.Equal(model.Count, trie.Count);
                foreach (var (prefix, value) in model)
                    Assert.True(trie.TryGet(prefix, out var found) && found == value);
                foreach (var address in addresses.Concat(operations.Select(operation => operation.Prefix.Address)))
                {
                    var expected = model.Where(pair => pair.Key.Contains(address)).OrderByDescending(pair => pair.Key.Length).FirstOrDefault();
                    Assert.Equal(expected.Value, trie.Find(address));
                }
            },
            iter: 2000);

    // Few distinct bits, so that prefixes nest and collide.
    static Gen<IpAddress> Address => Gen.OneOf(
        Gen.Select(Gen.UInt[0, 7], Gen.UInt[0, 7], (high, low) => IpAddress.FromV4(high << 29 | low)),
        Gen.Select(Gen.ULong[0, 7], Gen.ULong[0, 7], (high, low) => new IpAddress(new UInt128(high << 61, low))));

    static Gen<(Prefix Prefix, int Value)> Operation => Gen.Select(
        Address, Gen.OneOf(Gen.Int[0, 4], Gen.Int[28, 32], Gen.Int[124, 128]), Gen.Int[0, 4],
        (address, length, value) => (new Prefix(address, address.IsV4 ? Math.Min(length, 32) : length), value));
}
