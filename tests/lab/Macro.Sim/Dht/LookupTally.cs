using Macro.Core;
using Macro.Dht;

namespace Macro.Sim;

/// <summary>What gets of mutable items came to.</summary>
sealed class LookupTally
{
    public Sample Milliseconds { get; } = new();

    public Sample Queries { get; } = new();

    public int Asked { get; private set; }

    public int Found { get; private set; }

    public int Noticed { get; private set; }

    /// <summary>Found what was looked for, or knows that something is wrong.</summary>
    public int FoundOrNoticed { get; private set; }

    public double Success => (double)Found / Asked;

    public void Add(GetEnded got, long sequence = 1)
    {
        Asked++;
        var found = got.Item?.Sequence >= sequence;
        Found += found ? 1 : 0;
        Noticed += got.Report.Crowded ? 1 : 0;
        FoundOrNoticed += found || got.Report.Crowded ? 1 : 0;
        Milliseconds.Add(got.Report.Elapsed.TotalMilliseconds);
        Queries.Add(got.Report.Queries);
    }

    /// <summary>Many gets at once, each by a node of its own.</summary>
    public void Run(World world, IReadOnlyList<MutableItem> items, bool disjoint = false)
    {
        var gets = new (WorldNode, int)[items.Count];
        for (var i = 0; i < gets.Length; i++)
        {
            var node = world.AnySettled();
            var item = items[i];
            gets[i] = (node, world.Do(node, (dht, now) => dht.GetMutable(item.Key, item.Salt.Span, disjoint, now)));
        }
        var results = world.Await<GetEnded>(gets);
        for (var i = 0; i < results.Length; i++)
            Add(results[i], items[i].Sequence);
    }

    /// <summary>Puts them all, each from a node of its own. Returns at how few nodes one was stored.</summary>
    public static int Put(World world, IReadOnlyList<MutableItem> items)
    {
        var puts = new (WorldNode, int)[items.Count];
        for (var i = 0; i < puts.Length; i++)
        {
            var node = world.AnySettled();
            var item = items[i];
            puts[i] = (node, world.Do(node, (dht, now) => dht.PutMutable(item, null, now)));
        }
        return world.Await<PutEnded>(puts).Min(put => put.Stored);
    }

    public void WriteTo(Report report)
    {
        report.Fact("look-ups", Asked);
        report.Fact("found", Found);
        report.Fact("ms, median", Milliseconds.Median);
        report.Fact("ms, p95", Milliseconds.P95);
        report.Fact("queries, median", Queries.Median);
        report.Fact("queries, p95", Queries.P95);
    }
}
