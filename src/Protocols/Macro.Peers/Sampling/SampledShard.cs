using Macro.Core;

namespace Macro.Peers;

/// <summary>What several sources say about one shard, and what a majority of them agrees on.</summary>
sealed class SampledShard(Shard shard)
{
    /// <summary>Items that one source may list: no honest shard comes near.</summary>
    const int MostListed = 1024;

    readonly List<Listing> _listings = [];

    /// <summary>One source's list, page by page.</summary>
    internal sealed class Listing(SignedDescriptor source)
    {
        public readonly SignedDescriptor Source = source;
        public readonly Dictionary<Position, DirectoryItem> Items = [];
        public bool IsComplete, Failed;

        public bool IsSettled => IsComplete || Failed;
    }

    /// <summary>A relay of the shard; its descriptor follows.</summary>
    internal sealed class Entry(DirectoryItem item)
    {
        public readonly DirectoryItem Item = item;
        public readonly List<SignedDescriptor> Sources = [];
        public SignedDescriptor? Signed;
    }

    public Shard Shard => shard;

    /// <summary>Questions for its descriptors that are under way.</summary>
    public int Fetches { get; set; }

    /// <summary>Once accepted: in random order.</summary>
    public List<Entry> Entries { get; } = [];

    public IEnumerable<Listing> Complete => _listings.Where(l => l.IsComplete);

    public bool IsSettled => _listings.Count > 0 && _listings.TrueForAll(l => l.IsSettled);

    /// <summary>Relays that anybody lists.</summary>
    public int Listed => Complete.SelectMany(l => l.Items.Keys).Distinct().Count();

    public bool Asked(NodeId source) => _listings.Exists(l => l.Source.Id == source);

    public Listing Add(SignedDescriptor source)
    {
        var listing = new Listing(source);
        _listings.Add(listing);
        return listing;
    }

    /// <summary>Takes a page in; the position from which to go on, or null when the list is complete or no list.</summary>
    public ulong? Take(Listing listing, AskShard asked, DirectoryMessage? answer)
    {
        if (answer is not ShardListed told || told.Epoch != asked.Epoch
            || told.Items.Any(i => !shard.Contains(i.Position) || i.Position.Value < asked.From) || listing.Items.Count + told.Items.Count > MostListed
            || (told.More && (told.Items.Count == 0 || told.Items[^1].Position.Value == shard.Last)))
        {
            listing.Failed = true;
            return null;
        }
        foreach (var item in told.Items)
            listing.Items[item.Position] = item;
        listing.IsComplete = !told.More;
        return told.More ? told.Items[^1].Position.Value + 1 : null;
    }

    /// <summary>What more than half of the sources list, each with the newest descriptor that one of them has.</summary>
    public List<Entry> Agreed()
    {
        var entries = new Dictionary<Position, List<(DirectoryItem Item, SignedDescriptor Source)>>();
        foreach (var listing in Complete)
            foreach (var item in listing.Items.Values)
            {
                if (!entries.TryGetValue(item.Position, out var votes))
                    entries[item.Position] = votes = [];
                votes.Add((item, listing.Source));
            }
        var sources = Complete.Count();
        var agreed = new List<Entry>();
        foreach (var votes in entries.Values)
        {
            if (2 * votes.Count <= sources)
                continue;
            var newest = votes.Select(v => v.Item).Aggregate((a, b) => b.Supersedes(a) ? b : a);
            var entry = new Entry(newest);
            entry.Sources.AddRange(votes.OrderByDescending(v => v.Item.Sequence).Select(v => v.Source));
            agreed.Add(entry);
        }
        agreed.Sort((a, b) => a.Item.Position.CompareTo(b.Item.Position));
        return agreed;
    }

    /// <summary>How much of what it lists, or the majority does, is common to both.</summary>
    public static double Agreement(Listing listing, IReadOnlyCollection<Entry> agreed)
    {
        var shared = agreed.Count(e => listing.Items.ContainsKey(e.Item.Position));
        var all = agreed.Count + listing.Items.Count - shared;
        return all == 0 ? 1 : (double)shared / all;
    }
}
