using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class RelayDirectoryTests
{
    readonly RelayDirectory _directory = new(NetworkKey.Public, capacity: 3);

    [Fact]
    public void The_newest_descriptor_of_a_node_counts()
    {
        var old = Example.Signed();
        var young = Example.Signed(at: Example.Now + TimeSpan.FromSeconds(1));
        Assert.Equal(DirectoryChange.Added, _directory.Offer(old, Example.Now));
        Assert.Equal(DirectoryChange.Known, _directory.Offer(old, Example.Now));
        Assert.Equal(DirectoryChange.Replaced, _directory.Offer(young, Example.Now));
        Assert.Equal(DirectoryChange.Known, _directory.Offer(old, Example.Now));
        Assert.Same(young, _directory.Find(Example.Alice.Id));
    }

    [Fact]
    public void Of_two_descriptors_with_one_number_the_same_one_counts_everywhere()
    {
        SignedDescriptor[] both = [Example.Signed(), Example.Signed(Example.Relay with { LoadClass = 9 })];
        _directory.Offer(both[0], Example.Now);
        _directory.Offer(both[1], Example.Now);
        var other = new RelayDirectory(NetworkKey.Public);
        other.Offer(both[1], Example.Now);
        other.Offer(both[0], Example.Now);
        Assert.Same(_directory.Find(Example.Alice.Id), other.Find(Example.Alice.Id));
    }

    [Fact]
    public void It_is_bounded_and_makes_room_by_forgetting_the_expired()
    {
        for (ulong i = 0; i < 3; i++)
            Assert.Equal(DirectoryChange.Added, _directory.Offer(Relay(i), Example.Now));
        Assert.Equal(DirectoryChange.Full, _directory.Offer(Relay(4), Example.Now));
        Assert.Equal(DirectoryChange.Added, _directory.Offer(Relay(4), Example.Now + TimeSpan.FromHours(3)));
        Assert.Equal(1, _directory.Count);
    }

    [Fact]
    public void Expired_relays_are_not_offered_to_anybody()
    {
        _directory.Offer(Relay(1), Example.Now);
        Assert.Single(_directory.Current(Example.Now));
        Assert.Empty(_directory.Current(Example.Now + TimeSpan.FromHours(3)));
    }

    [Fact]
    public void A_directory_file_carries_all_descriptors_and_its_network()
    {
        SignedDescriptor[] relays = [Relay(1), Relay(2), Relay(3)];
        var text = DirectoryFile.Write("lab", relays);

        Assert.True(DirectoryFile.TryRead(text, Example.Rules, Example.Now, out var network, out var entries));

        Assert.Equal("lab", network);
        Assert.Equal(relays.Select(r => r.Id), entries.Select(e => e.Signed!.Id));
        Assert.Equal([3, 5, 7], entries.Select(e => e.Line));
    }

    [Fact]
    public void A_bad_line_does_not_spoil_the_others()
    {
        var text = DirectoryFile.Write("lab", [Relay(1)]) + "not base64!\nAAAA\n\n# words\n";
        Assert.True(DirectoryFile.TryRead(text.ReplaceLineEndings("\r\n"), Example.Rules, Example.Now, out var network, out var entries));
        Assert.Equal("lab", network);
        Assert.Equal([DescriptorVerdict.Valid, DescriptorVerdict.Malformed, DescriptorVerdict.BadLength], entries.Select(e => e.Verdict));
    }

    [Theory]
    [InlineData("")]
    [InlineData("macro-directory 2 lab\n")]
    [InlineData("hello")]
    public void Another_file_is_refused(string text) => Assert.False(DirectoryFile.TryRead(text, Example.Rules, Example.Now, out _, out _));

    static SignedDescriptor Relay(ulong seed)
    {
        using var identity = NodeIdentity.Generate(new SeededRandom(seed));
        return SignedDescriptor.Sign(identity, NetworkKey.Public, Example.Relay, Example.Now);
    }
}
