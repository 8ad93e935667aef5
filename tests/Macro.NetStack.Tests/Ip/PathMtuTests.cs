using Macro.Core;

namespace Macro.NetStack.Tests.Ip;

public class PathMtuTests
{
    static readonly IpAddress s_far = IpAddress.Parse("9.9.9.9");
    readonly PathMtus _paths = new(1420, 4);

    [Fact]
    public void A_path_is_as_wide_as_the_link_until_somebody_says_otherwise()
    {
        Assert.Equal(1420, _paths.Find(s_far, default));
        _paths.Note(s_far, 1300, default);
        Assert.Equal(1300, _paths.Find(s_far, default));
    }

    [Fact]
    public void What_was_told_is_forgotten_after_ten_minutes()
    {
        _paths.Note(s_far, 1300, default);
        Assert.Equal(1300, _paths.Find(s_far, Instant.UnixEpoch + TimeSpan.FromMinutes(9.9)));
        Assert.Equal(1420, _paths.Find(s_far, Instant.UnixEpoch + TimeSpan.FromMinutes(10)));
    }

    [Fact]
    public void No_message_widens_a_path()
    {
        _paths.Note(s_far, 1300, default);
        _paths.Note(s_far, 1400, default);
        Assert.Equal(1300, _paths.Find(s_far, default));
    }

    [Theory]
    [InlineData(true, 1300, 1420, 1300)]
    [InlineData(true, 9000, 1420, 1420)]
    [InlineData(true, 1, 1420, 552)]
    [InlineData(true, 0, 1420, 1006)]
    [InlineData(true, 0, 1000, 552)]
    [InlineData(false, 1300, 1420, 1300)]
    [InlineData(false, 600, 1420, 1280)]
    [InlineData(false, 0, 1420, 1280)]
    public void What_is_told_is_held_within_reason(bool v4, int told, int length, int expected) => Assert.Equal(expected, _paths.Clamp(v4, told, length));

    [Fact]
    public void Only_so_many_paths_are_remembered()
    {
        for (var i = 0; i < 1000; i++)
        {
            _paths.Note(IpAddress.FromV4(0x09000000u + (uint)i), 1300, default);
            Assert.InRange(_paths.Count, 1, 4);
        }
        Assert.Equal(1300, _paths.Find(IpAddress.FromV4(0x09000000u + 999), default));
    }
}
