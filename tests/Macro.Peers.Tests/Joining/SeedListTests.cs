using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Peers.Tests;

public sealed class SeedListTests
{
    static readonly SigningKey[] s_keys = [.. Enumerable.Range(1, 4).Select(i => new SigningKey([.. Enumerable.Repeat((byte)i, 32)]))];
    static readonly SeedSigners s_signers = new([.. s_keys[..3].Select(k => k.PublicKey)], Needed: 2);

    static readonly SeedList s_list = new(
        Example.Now, Example.Now + TimeSpan.FromDays(180),
        [.. Enumerable.Range(0, 3).Select(i => new Seed(Relays.Numbered(i).Id, [Endpoint.Parse($"44.1.2.{i}:51900"), Endpoint.Parse("[2600::1]:51900")]))]);

    static readonly string s_text = s_list.ToText(NetworkKey.Public);

    [Fact]
    public void Two_of_three_signatures_make_a_list_valid()
    {
        Assert.Equal(SeedListVerdict.Valid, Read(Signed(0, 2), out var list));
        Assert.Equal(s_list.Seeds.Select(s => s.Id), list!.Seeds.Select(s => s.Id));
        Assert.Equal(s_list.Seeds[1].Endpoints, list.Seeds[1].Endpoints);
        Assert.Equal(s_list.Expires, list.Expires);
    }

    [Fact]
    public void Fewer_or_those_of_strangers_do_not()
    {
        Assert.Equal(SeedListVerdict.TooFewSignatures, Read(s_text, out _));
        Assert.Equal(SeedListVerdict.TooFewSignatures, Read(Signed(1), out _));
        Assert.Equal(SeedListVerdict.TooFewSignatures, Read(Signed(1, 3), out _));
        Assert.Equal(SeedListVerdict.Malformed, Read(Signed(1, 1), out _));
        Assert.Equal(SeedListVerdict.TooFewSignatures, SeedList.TryRead(Encoding.ASCII.GetBytes(Signed(0, 1)), NetworkKey.Public, new SeedSigners([], 0), Example.Now, out _));
    }

    [Fact]
    public void Another_network_and_another_time_do_not_take_it()
    {
        Assert.Equal(SeedListVerdict.OtherNetwork, SeedList.TryRead(Encoding.ASCII.GetBytes(Signed(0, 1)), NetworkKey.ForStatic("lab"), s_signers, Example.Now, out _));
        Assert.Equal(SeedListVerdict.Expired, SeedList.TryRead(Encoding.ASCII.GetBytes(Signed(0, 1)), NetworkKey.Public, s_signers, s_list.Expires, out _));
    }

    [Fact]
    public void A_change_of_any_byte_is_noticed()
    {
        var file = Encoding.ASCII.GetBytes(Signed(0, 1));
        for (var i = 0; i < file.Length; i++)
        {
            file[i] ^= 1;
            Assert.NotEqual(SeedListVerdict.Valid, SeedList.TryRead(file, NetworkKey.Public, s_signers, Example.Now, out var list));
            Assert.Null(list);
            file[i] ^= 1;
        }
    }

    [Theory]
    [InlineData("network ", "network  ")]
    [InlineData("issued", "issued\r")]
    [InlineData(":51900 ", ":051900 ")]
    [InlineData("[2600::1]", "[2600:0::1]")]
    [InlineData("macro-seeds 1", "macro-seeds 2")]
    [InlineData("expires 1", "expires +1")]
    public void A_list_has_one_form_only(string form, string other)
    {
        var text = s_text.Replace(form, other, StringComparison.Ordinal);
        Assert.NotEqual(s_text, text);
        Assert.Equal(SeedListVerdict.Malformed, Read(SeedList.Sign(SeedList.Sign(text, s_keys[0]), s_keys[1]), out _));
    }

    [Fact]
    public void A_node_stands_in_a_list_once()
    {
        var twice = s_list with { Seeds = [s_list.Seeds[0], s_list.Seeds[0]] };
        Assert.Equal(SeedListVerdict.Malformed, Read(SeedList.Sign(SeedList.Sign(twice.ToText(NetworkKey.Public), s_keys[0]), s_keys[1]), out _));
    }

    static string Signed(params int[] by) => by.Aggregate(s_text, (text, i) => SeedList.Sign(text, s_keys[i]));

    static SeedListVerdict Read(string text, out SeedList? list) => SeedList.TryRead(Encoding.ASCII.GetBytes(text), NetworkKey.Public, s_signers, Example.Now, out list);
}
