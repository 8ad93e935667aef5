using Macro.Core;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class PositionIndexTests
{
    readonly SeededRandom _random = new(3);
    readonly PositionIndex _index = new();
    readonly List<(Position Position, SignedDescriptor Signed, RangeSummary Summary)> _model = [];

    [Fact]
    public void Summaries_of_any_range_are_those_of_a_plain_list()
    {
        var relays = Relays.Many(400);
        for (var step = 0; step < 3000; step++)
        {
            if (_random.NextInt(3) > 0 || _model.Count == 0)
                Add(new Position(Edge()), relays[_random.NextInt(relays.Length)]);
            else
                RemoveAt(_random.NextInt(_model.Count));
            var (a, b) = (Edge(), Edge());
            var (first, last) = (Math.Min(a, b), Math.Max(a, b));
            var expected = _model.Where(e => e.Position.Value >= first && e.Position.Value <= last).ToArray();
            Assert.Equal(expected.Aggregate(default(RangeSummary), (sum, e) => sum + e.Summary), _index.Summarize(first, last));
            Assert.Equal(expected.Length, _index.Between(first, last).Count());
            Assert.Equal(_model.Count, _index.Count);
        }
    }

    [Fact]
    public void Items_come_in_the_order_of_their_positions()
    {
        foreach (var relay in Relays.Many(300))
            Add(new Position(_random.NextUInt64()), relay);
        Assert.Equal(_model.OrderBy(e => e.Position).Select(e => e.Signed), _index.Between(0, ulong.MaxValue));
    }

    [Fact]
    public void A_sum_is_free_of_order_and_undone_by_its_difference()
    {
        var (a, b) = (Summary(1), Summary(2));
        Assert.Equal(a + b, b + a);
        Assert.Equal(a, a + b - b);
        Assert.NotEqual((a + b).Fingerprint(1), (a + b).Fingerprint(2));
        Assert.Equal(0ul, default(RangeSummary).Fingerprint(7));
    }

    static RangeSummary Summary(int number) => RangeSummary.Of(Relays.Numbered(number), new byte[32]);

    /// <summary>Positions at the edges of everything, often the same.</summary>
    ulong Edge() => _random.NextInt(6) switch
    {
        0 => 0,
        1 => ulong.MaxValue,
        2 => 1ul << 60,
        _ => _random.NextUInt64(),
    };

    void Add(Position position, SignedDescriptor signed)
    {
        if (_model.Any(e => e.Signed == signed))
            return;
        var summary = RangeSummary.Of(signed, new byte[32]);
        _index.Add(position, signed, summary);
        _model.Add((position, signed, summary));
    }

    void RemoveAt(int number)
    {
        _index.Remove(_model[number].Position, _model[number].Signed);
        _model.RemoveAt(number);
    }
}
