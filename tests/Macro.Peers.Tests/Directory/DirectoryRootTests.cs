using Macro.Core;

namespace Macro.Peers.Tests;

public sealed class DirectoryRootTests
{
    static readonly SignedDescriptor[] s_relays = Relays.Many(1000);

    [Fact]
    public void The_same_relays_have_the_same_root_whatever_their_newest_descriptors_are()
    {
        var root = DirectoryRoot.Of(Relays.Directory(s_relays));
        var renewed = s_relays.Take(300).Select((_, i) => Relays.Numbered(i, Example.Now + TimeSpan.FromMinutes(1)));
        Assert.Equal(root, DirectoryRoot.Of(Relays.Directory([.. s_relays.Reverse(), .. renewed])));
        Assert.Equal(1, root.AgreementWith(root));
    }

    /// <summary>One sigma of 256 bits is 6 %.</summary>
    [Theory]
    [InlineData(980, 0.96)]
    [InlineData(950, 0.90)]
    [InlineData(700, 0.54)]
    [InlineData(500, 0.33)]
    public void The_agreement_is_the_share_of_relays_that_both_hold(int shared, double jaccard)
    {
        var mine = DirectoryRoot.Of(Relays.Directory(s_relays));
        var others = DirectoryRoot.Of(Relays.Directory([.. s_relays.Take(shared), .. Relays.Many(1000 - shared, from: 5000)]));
        Assert.InRange(mine.AgreementWith(others)!.Value, jaccard - 0.15, Math.Min(1, jaccard + 0.15));
    }

    [Fact]
    public void Who_late_comers_alone_divide_agrees_and_who_hides_a_third_does_not()
    {
        var mine = DirectoryRoot.Of(Relays.Directory(s_relays));
        Assert.True(mine.AgreementWith(DirectoryRoot.Of(Relays.Directory(s_relays.Skip(20)))) > DirectoryRoot.LeastAgreement);
        Assert.True(mine.AgreementWith(DirectoryRoot.Of(Relays.Directory(s_relays.Take(600)))) < DirectoryRoot.LeastAgreement);
    }

    [Fact]
    public void Roots_of_two_epochs_are_not_compared()
    {
        var mine = DirectoryRoot.Of(Relays.Directory(s_relays));
        var next = Epoch.StartOf(mine.Epoch + 1);
        Assert.Null(mine.AgreementWith(DirectoryRoot.Of(Relays.Directory([Relays.Numbered(1, next)], next))));
        Assert.Null(mine.AgreementWith(default));
        Assert.True(DirectoryRoot.Of(Relays.Directory([])).IsNone);
    }
}
