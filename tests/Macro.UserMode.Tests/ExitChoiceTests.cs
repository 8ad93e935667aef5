using Macro.Circuits;
using static Macro.UserMode.Tests.TestWorld;

namespace Macro.UserMode.Tests;

/// <summary>Users and sites with exits of their own.</summary>
public sealed class ExitChoiceTests
{
    static readonly ExitChoice[] s_choices = [.. ((string[])
    [
        "user:work CH,any", "user:Work SE", "bbc.co.uk GB", "*.bbc.co.uk IE", "*.news.bbc.co.uk gb,ie", "*.uk NL", "xn--bcher-kva.example any",
    ]).Select(Parse)];

    [Theory]
    [InlineData("", "example.com", null)]
    [InlineData("", null, null)]
    [InlineData("work", "example.com", "CH,any")]
    [InlineData("work", null, "CH,any")]
    [InlineData("Work", null, "SE")]
    [InlineData("worker", null, null)]
    [InlineData("work", "bbc.co.uk", "GB")]
    [InlineData("", "bbc.co.uk", "GB")]
    [InlineData("", "www.bbc.co.uk", "IE")]
    [InlineData("", "news.bbc.co.uk", "IE")]
    [InlineData("", "live.news.bbc.co.uk", "GB,IE")]
    [InlineData("", "a.b.news.bbc.co.uk", "GB,IE")]
    [InlineData("", "notbbc.co.uk", "NL")]
    [InlineData("", "uk", null)]
    [InlineData("", "xn--bcher-kva.example", "any")]
    public void Whoever_says_most_is_heard_and_sites_before_users(string user, string? site, string? regions)
    {
        Assert.Equal(regions, ExitChoice.For(user, site, s_choices));
        Assert.Equal(regions, ExitChoice.For(user, site, [.. s_choices.Reverse()]));
    }

    [Theory]
    [InlineData("BBC.co.UK. gb", "bbc.co.uk")]
    [InlineData("*.BBC.co.uk GB,any", "*.bbc.co.uk")]
    [InlineData("user:Alice@home CH", "user:Alice@home")]
    [InlineData("user:zoë any", "user:zoë")]
    public void Names_of_sites_are_read_as_the_proxy_reads_them_and_users_as_they_are(string text, string whose) => Assert.Equal(whose, Parse(text).Whose);

    [Theory]
    [InlineData("")]
    [InlineData("bbc.co.uk")]
    [InlineData("bbc.co.uk ")]
    [InlineData("bbc.co.uk  GB")]
    [InlineData(" bbc.co.uk GB")]
    [InlineData("bbc.co.uk Britain")]
    [InlineData("bbc.co.uk any,GB")]
    [InlineData("bbc.co.uk CH, NL")]
    [InlineData("* GB")]
    [InlineData("*. GB")]
    [InlineData("*.*.uk GB")]
    [InlineData("www.*.uk GB")]
    [InlineData("bbc..uk GB")]
    [InlineData("bücher.example GB")]
    [InlineData("http://bbc.co.uk GB")]
    [InlineData("bbc.co.uk:443 GB")]
    [InlineData("192.0.2.1 GB")]
    [InlineData("*.0.2.1 GB")]
    [InlineData("2001:db8::1 GB")]
    [InlineData("user: GB")]
    [InlineData("user:my name GB")]
    [InlineData("user:a\tb GB")]
    [InlineData("User:work GB")]
    public void What_is_neither_user_nor_site_with_regions_is_refused(string text) => Assert.False(ExitChoice.TryParse(text, out _));

    [Fact]
    public void It_does_not_say_whose_it_is() => Assert.DoesNotContain("bbc", Parse("bbc.co.uk GB").ToString());

    [Fact]
    public void A_site_has_a_circuit_of_its_own_for_each_user_and_its_name_is_resolved_there()
    {
        using var world = World();
        using var echo = Server.Echo();
        foreach (var (user, host) in ((string?, string)[])[(null, "web.example"), (null, "WWW.web.example."), ("work", "web.example"), ("work", "v4.example"), ("work", "198.51.100.7")])
        {
            using var client = world.Connect();
            Assert.Equal(0, client.Ask(1, host, echo.Port, user));
        }

        var (shared, work) = (IsolationKey.Shared, IsolationKey.Named("work"));
        Assert.Equal(
            [
                (shared with { ExitRegion = "GB" }, "web.example"), (shared with { ExitRegion = "GB,any" }, "www.web.example"),
                (work with { ExitRegion = "GB" }, "web.example"), (work with { ExitRegion = "CH" }, "v4.example"),
            ],
            world.Asked);
        Assert.Equal(4, world.CircuitCount);
    }

    [Fact]
    public void Datagrams_of_one_association_take_the_circuit_of_their_site()
    {
        using var world = World();
        using var echo = new UdpEcho();
        using var control = world.Connect();
        using var udp = control.Associate();
        foreach (var host in (string[])["v4.example", "web.example", "198.51.100.7"])
            Assert.Equal(7, udp.Exchange(host, echo.Port, 7)[^1]);
        Assert.Equal([(IsolationKey.Shared, "v4.example"), (IsolationKey.Shared with { ExitRegion = "GB" }, "web.example")], world.Asked);

        // The site's circuit is lost: the next datagram asks for another one, and the rest has not noticed.
        world.Of("", "GB").Client.Close();
        Assert.Equal(8, udp.Exchange("web.example", echo.Port, 8)[^1]);
        Assert.Equal(9, udp.Exchange("v4.example", echo.Port, 9)[^1]);
        Assert.Equal(3, world.Asked.Count);

        control.Dispose();
        Eventually(() => world.Proxy.Counters.Associations == 0 && world.Of("", "GB").Client.MemberCount == 0, "the end");
    }

    [Fact]
    public void Where_no_exit_is_known_the_site_is_refused_and_asked_of_nobody()
    {
        using var world = World();
        world.Refused = IsolationKey.Shared with { ExitRegion = "GB" };
        using var client = world.Connect();
        using var other = world.Connect();

        Assert.Equal(1, client.Ask(1, "web.example", 80));
        Assert.Equal(4, other.Ask(1, "nowhere.example", 80));
        Assert.Equal([(IsolationKey.Shared, "nowhere.example")], world.Asked);
    }

    static TestWorld World() => new(new ProxyOptions { Exits = [Parse("user:work CH"), Parse("web.example GB"), Parse("*.web.example GB,any")] })
    {
        Names = { ["www.web.example"] = [Core.IpAddress.Parse("198.51.100.7")] },
    };

    static ExitChoice Parse(string text)
    {
        Assert.True(ExitChoice.TryParse(text, out var choice));
        return choice;
    }
}
