using CsCheck;

namespace Macro.Core.Tests;

public class DeadlinesTests
{
    static readonly Gen<(int Item, int When)[]> s_steps = Gen.Select(Gen.Int[0, 9], Gen.Int[0, 30]).Array[1, 200];

    /// <summary>Each step sets one item's deadline; 0 removes it, 30 is never, every tenth takes what is due.</summary>
    [Fact]
    public void Behaves_like_a_plain_dictionary() => s_steps.Sample(steps =>
    {
        var deadlines = new Deadlines<Item>();
        var items = Enumerable.Range(0, 10).Select(_ => new Item()).ToArray();
        var model = new Dictionary<Item, Instant>();
        for (var i = 0; i < steps.Length; i++)
        {
            var (item, when) = (items[steps[i].Item], new Instant(steps[i].When));
            if (i % 10 == 9)
            {
                while (deadlines.TryTakeDue(when, out var due))
                {
                    Assert.Equal(model.Values.Min(), model[due]);
                    Assert.True(model[due] <= when);
                    model.Remove(due);
                }
                Assert.DoesNotContain(model.Values, left => left <= when);
            }
            else if (steps[i].When == 0)
            {
                deadlines.Remove(item);
                model.Remove(item);
            }
            else if (steps[i].When == 30)
            {
                deadlines.Set(item, Instant.Never);
                model.Remove(item);
            }
            else
            {
                deadlines.Set(item, when);
                model[item] = when;
            }
            Assert.Equal(model.Count, deadlines.Count);
            Assert.Equal(model.Count == 0 ? Instant.Never : model.Values.Min(), deadlines.Next);
        }
    });

    sealed class Item : IDeadline
    {
        int IDeadline.Place { get; set; }
    }
}
