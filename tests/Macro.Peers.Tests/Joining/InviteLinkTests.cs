using CsCheck;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class InviteLinkTests
{
    static readonly NetworkKey s_network = NetworkKey.Generate(new SeededRandom(1));

    static readonly InviteLink s_invite = new(s_network, "Anna's house", [Seed(1), Seed(2)]);

    [Fact]
    public void What_is_invited_to_is_read_back()
    {
        var read = InviteLink.TryParse(s_invite.ToText())!;
        Assert.Equal(s_network, read.Network);
        Assert.True(read.Network.IsPrivate);
        Assert.Equal("Anna's house", read.Name);
        Assert.Equal(s_invite.Seeds.Select(s => s.Id), read.Seeds.Select(s => s.Id));
        Assert.Equal(s_invite.Seeds[0].Endpoints, read.Seeds[0].Endpoints);
    }

    [Fact]
    public void A_link_to_the_public_network_carries_no_key()
    {
        var text = new InviteLink(NetworkKey.Public, "", [Seed(1)]).ToText();
        Assert.Equal(NetworkKey.Public, InviteLink.TryParse(text)!.Network);
        Assert.InRange(text.Length, 50, 110);
    }

    [Fact]
    public void The_largest_link_fits_a_QR_code_and_keeps_as_many_seeds_as_fit()
    {
        var text = new InviteLink(s_network, new string('x', 64), [.. Enumerable.Range(0, 16).Select(Seed)]).ToText();
        Assert.InRange(text.Length, 900, InviteLink.MaxLength);
        Assert.InRange(InviteLink.TryParse(text)!.Seeds.Count, 10, 15);
    }

    [Fact]
    public void A_link_that_was_cut_or_mistyped_is_refused()
    {
        var text = s_invite.ToText();
        for (var i = 0; i < text.Length; i++)
        {
            Assert.Null(InviteLink.TryParse(text.AsSpan(0, i)));
            Assert.Null(InviteLink.TryParse(text.Remove(i, 1).Insert(i, text[i] == 'A' ? "B" : "A")));
        }
        Assert.Null(InviteLink.TryParse(text + "="));
        Assert.Null(InviteLink.TryParse(text + "\n"));
        Assert.Null(InviteLink.TryParse(text.Replace("macro:", "https:", StringComparison.Ordinal)));
    }

    [Fact]
    public void Garbage_never_throws() =>
        Gen.String[Gen.Char["ABCDEFGHabcdefgh0123456789-_=+/ :é"], 0, 300].Sample(text => InviteLink.TryParse("macro:" + text) is null);

    [Fact]
    public void Misuse_throws()
    {
        Assert.Throws<ArgumentException>(() => new InviteLink(s_network, "", []).ToText());
        Assert.Throws<ArgumentException>(() => new InviteLink(s_network, new string('x', 65), [Seed(1)]).ToText());
        Assert.Throws<ArgumentException>(() => new InviteLink(s_network, "a\nb", [Seed(1)]).ToText());
    }

    static Seed Seed(int number)
    {
        using var identity = Relays.Identity(number);
        return new Seed(identity.Id, [Endpoint.Parse($"44.1.2.{number}:51900"), Endpoint.Parse($"[2600::{number}]:51900")]);
    }
}
