using Macro.Core;

namespace Macro.Engine.Tests;

public class ContactsTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);

    readonly Contacts _contacts = new();

    [Fact]
    public void Who_was_sent_to_is_a_stranger_again_after_ten_minutes()
    {
        _contacts.Note(Address(1), s_now);
        Assert.False(_contacts.IsStranger(Address(1), s_now + TimeSpan.FromMinutes(9)));
        Assert.True(_contacts.IsStranger(Address(1), s_now + TimeSpan.FromMinutes(10)));
        Assert.True(_contacts.IsStranger(Address(2), s_now));
    }

    [Fact]
    public void When_there_were_too_many_to_remember_nobody_is_a_stranger_for_a_while()
    {
        for (var i = 0u; i <= 1 << 14; i++)
            _contacts.Note(Address(i), s_now);
        Assert.False(_contacts.IsStranger(Address(0), s_now));
        Assert.False(_contacts.IsStranger(Address(1 << 20), s_now));
        Assert.True(_contacts.IsStranger(Address(1 << 20), s_now + Contacts.Memory));
    }

    [Fact]
    public void Those_of_long_ago_make_room()
    {
        for (var i = 0u; i < 1 << 14; i++)
            _contacts.Note(Address(i), s_now);
        _contacts.Note(Address(1 << 20), s_now + Contacts.Memory);
        Assert.True(_contacts.IsStranger(Address(1), s_now + Contacts.Memory));
        Assert.False(_contacts.IsStranger(Address(1 << 20), s_now + Contacts.Memory));
    }

    static IpAddress Address(uint number) => IpAddress.FromV4(0x2c000000 + number);
}
