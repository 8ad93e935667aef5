using System.Text;
using CsCheck;
using Macro.NetStack.Dns;

namespace Macro.NetStack.Tests.Dns;

public sealed class DomainNameTests
{
    [Theory]
    [InlineData(".", "00")]
    [InlineData("a", "016100")]
    [InlineData("a.", "016100")]
    [InlineData("Ab.c", "024162016300")]
    [InlineData(@"a\.b.c", "03612e62016300")]
    [InlineData(@"\000\255.x", "0200ff017800")]
    public void Text_becomes_wire_form(string text, string hex) => Assert.Equal(hex, Convert.ToHexStringLower(DomainName.Parse(text)));

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData(".a")]
    [InlineData("a..b")]
    [InlineData(@"a\")]
    [InlineData(@"a\25")]
    [InlineData(@"a\256")]
    [InlineData("bücher.example")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public void Refuses_text_that_is_no_name(string text) => Assert.False(DomainName.TryParse(text, new byte[255], out _));

    [Fact]
    public void The_longest_name_has_255_bytes()
    {
        var label = new string('a', 63);
        var longest = $"{label}.{label}.{label}.{label[..61]}";
        Assert.Equal(255, DomainName.Parse(longest).Length);
        Assert.False(DomainName.TryParse(longest + "a", new byte[255], out _));
        Assert.False(DomainName.TryParse(longest[..^1] + ".a", new byte[255], out _));
    }

    [Fact]
    public void Follows_a_pointer_and_goes_on_behind_it()
    {
        byte[] message = [.. new byte[12], 1, (byte)'b', 0, 1, (byte)'a', 0xc0, 12, 0xff];
        var name = new byte[255];
        Assert.True(DomainName.TryRead(message, 15, name, out var length, out var next));
        Assert.Equal("a.b.", DomainName.ToText(name.AsSpan(0, length)));
        Assert.Equal(19, next);
    }

    [Theory]
    [InlineData("c00c")] // to itself
    [InlineData("c00e")] // forward
    [InlineData("0161c00c")] // to the labels that it ends
    [InlineData("c000")] // into the header
    [InlineData("c0")] // cut off
    [InlineData("016180")] // reserved label kinds
    [InlineData("4100")]
    [InlineData("0361")] // label beyond the end
    [InlineData("0161")] // no end
    public void Refuses_malformed_names(string hex)
    {
        byte[] message = [.. new byte[12], .. Convert.FromHexString(hex)];
        Assert.False(DomainName.TryRead(message, 12, new byte[255], out _, out _));
    }

    [Fact]
    public void Refuses_a_name_that_grows_beyond_255_bytes_by_pointers()
    {
        var message = new List<byte>(new byte[12]);
        var before = -1;
        for (var i = 0; i < 5; i++)
        {
            var start = message.Count;
            message.Add(60);
            message.AddRange(Encoding.ASCII.GetBytes(new string('x', 60)));
            if (before < 0)
                message.Add(0);
            else
                message.AddRange([(byte)(0xc0 | before >> 8), (byte)before]);
            before = start;
        }
        Assert.False(DomainName.TryRead(message.ToArray(), before, new byte[255], out _, out _));
    }

    [Fact]
    public void Case_does_not_count_but_only_of_letters()
    {
        Assert.True(DomainName.AreEqual(Zone.Name("wWw.Example"), Zone.Name("WwW.eXAMPLE")));
        Assert.False(DomainName.AreEqual(Zone.Name("a@"), Zone.Name("a`")));
        Assert.False(DomainName.AreEqual(Zone.Name("a"), Zone.Name("a.b")));
        Assert.True(DomainName.IsAtOrBelow(Zone.Name("x.LOCAL"), Zone.Name("local")));
        Assert.False(DomainName.IsAtOrBelow(Zone.Name("xlocal"), Zone.Name("local")));
    }

    [Fact]
    public void Text_and_wire_form_are_the_same_name() =>
        Gen.Byte.Array[1, 20].Array[0, 8].Sample(labels =>
        {
            byte[] wire = [.. labels.SelectMany(l => (byte[])[(byte)l.Length, .. l]), 0];
            var text = DomainName.ToText(wire);
            var read = new byte[255];
            return DomainName.TryParse(text, read, out var length) && read.AsSpan(0, length).SequenceEqual(wire);
        });
}
