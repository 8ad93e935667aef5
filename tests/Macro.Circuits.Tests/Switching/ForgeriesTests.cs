namespace Macro.Circuits.Tests.Switching;

public class ForgeriesTests
{
    readonly Forgeries _forgeries = new();

    [Fact]
    public void They_are_many_when_they_are_a_tenth_of_what_came_since_the_last_look()
    {
        Note(10);
        Assert.False(_forgeries.WereMany(1_000_000));
        Note(10);
        Assert.False(_forgeries.WereMany(1_000_000 + 101_000));
        Note(10);
        Assert.True(_forgeries.WereMany(1_000_000 + 101_000 + 99_000));
        Assert.False(_forgeries.WereMany(1_300_000));
    }

    [Fact]
    public void A_few_say_nothing()
    {
        Note(4);
        Assert.False(_forgeries.WereMany(4000));
    }

    void Note(int messages)
    {
        for (var i = 0; i < messages; i++)
            _forgeries.Note(1000);
    }
}
