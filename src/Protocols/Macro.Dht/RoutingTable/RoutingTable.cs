using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// The contacts of one address family (BEP 5): bucket i holds those whose ids share exactly i bits with ours, the last one
/// all that share more; only the last is split. Only nodes that answered us get in. Of one address there is one contact, of
/// one /24 or /48 two in a bucket and eight in all, so that one customer of a provider cannot fill it.
/// </summary>
/// <param name="limits">False for networks on one machine or in one LAN: no limits by address, but one contact for each endpoint.</param>
sealed class RoutingTable(Id160 own, bool limits, Instant now)
{
    const int MaxOfSiteInBucket = 2, MaxOfSite = 8, Deepest = 3;

    static readonly TimeSpan s_refreshAfter = TimeSpan.FromMinutes(15);

    readonly List<Bucket> _buckets = [new(0, now)];

    public Id160 Own { get; } = own;

    public int Count { get; private set; }

    public int Depth => _buckets.Count;

    public IEnumerable<Contact> Contacts => _buckets.SelectMany(bucket => bucket.Contacts);

    public Contact? Find(Id160 id) => BucketOf(id).Find(id);

    /// <summary>Is this endpoint a contact under this id? Then it is proven that it receives what we send there.</summary>
    public bool Knows(Id160 id, Endpoint endpoint) => Find(id) is { } contact && contact.Node.Endpoint == endpoint;

    /// <summary>Would a node with this id find a place? Then it is worth a ping.</summary>
    public bool Wants(NodeInfo node)
    {
        if (node.Id == Own)
            return false;
        var bucket = BucketOf(node.Id);
        var room = !bucket.IsFull || (bucket == _buckets[^1] && CanSplit) || bucket.Weakest(forSecure: false) is not null;
        return room && bucket.Find(node.Id) is null && Fits(bucket, node, null);
    }

    /// <summary>A node asked us: known ones count as seen.</summary>
    public void Heard(NodeInfo node, Instant now)
    {
        if (Find(node.Id) is { } contact && contact.Node.Endpoint == node.Endpoint)
            contact.Seen = now;
    }

    /// <summary>A node answered us. Returns a contact that should prove itself, when its place is wanted.</summary>
    public Contact? Answered(NodeInfo node, bool secure, Instant now)
    {
        if (node.Id == Own)
            return null;
        while (true)
        {
            var bucket = BucketOf(node.Id);
            if (bucket.Find(node.Id) is { } known)
            {
                // Another endpoint under a known id is not believed while the old one answers.
                if (known.Node.Endpoint == node.Endpoint)
                    (known.Seen, known.Failures) = (now, 0);
                else if (known.Failures > 0)
                    Replace(bucket, known, new Contact(node, secure, now), now);
                return null;
            }
            if (!bucket.IsFull)
            {
                if (Fits(bucket, node, null))
                    Add(bucket, new Contact(node, secure, now), now);
                return null;
            }
            if (bucket == _buckets[^1] && CanSplit)
            {
                Split(now);
                continue;
            }
            var weakest = bucket.Weakest(secure);
            if (!Fits(bucket, node, weakest))
                return null;
            if (weakest is not null)
            {
                Replace(bucket, weakest, new Contact(node, secure, now), now);
                return null;
            }
            bucket.Keep(new Contact(node, secure, now));
            return bucket.Questionable(now);
        }
    }

    /// <summary>A node left a query unanswered: a spare takes its place, or it goes after the third time.</summary>
    public void Failed(Id160 id, Endpoint endpoint, Instant now)
    {
        var bucket = BucketOf(id);
        if (bucket.Find(id) is not { } contact || contact.Node.Endpoint != endpoint)
            return;
        contact.Failures++;
        while (bucket.TakeSpare() is { } spare)
        {
            if (!Fits(bucket, spare.Node, contact))
                continue;
            Replace(bucket, contact, spare, now);
            return;
        }
        if (contact.Failures >= Contact.MaxFailures)
            Remove(bucket, contact);
    }

    /// <summary>The node at this endpoint has another id now.</summary>
    public void Renamed(Id160 old, Endpoint endpoint)
    {
        if (Find(old) is { } contact && contact.Node.Endpoint == endpoint)
            Remove(BucketOf(old), contact);
    }

    /// <summary>The contacts closest to a target, closest first. Returns how many.</summary>
    /// <param name="failing">Also those that did not answer last time.</param>
    public int Closest(Id160 target, Span<NodeInfo> nodes, bool failing = false)
    {
        // The target's own bucket is nearest, then all the deeper ones together, then one after the other towards the first.
        var count = 0;
        var nearest = Math.Min(Own.CommonPrefix(target), _buckets.Count - 1);
        Take(_buckets[nearest], target, nodes, failing, ref count);
        if (count < nodes.Length)
            for (var i = nearest + 1; i < _buckets.Count; i++)
                Take(_buckets[i], target, nodes, failing, ref count);
        for (var i = nearest - 1; i >= 0 && count < nodes.Length; i--)
            Take(_buckets[i], target, nodes, failing, ref count);
        return count;
    }

    static void Take(Bucket bucket, Id160 target, Span<NodeInfo> nodes, bool failing, ref int count)
    {
        foreach (var contact in CollectionsMarshal.AsSpan(bucket.Contacts))
        {
            if (contact.Failures > 0 && !failing)
                continue;
            var at = count;
            while (at > 0 && target.CompareDistance(contact.Node.Id, nodes[at - 1].Id) < 0)
                at--;
            if (at == nodes.Length)
                continue;
            if (count < nodes.Length)
                count++;
            nodes[at..(count - 1)].CopyTo(nodes[(at + 1)..count]);
            nodes[at] = contact.Node;
        }
    }

    /// <summary>A contact that was silent for long, or null.</summary>
    public Contact? Questionable(Instant now)
    {
        Contact? oldest = null;
        foreach (var bucket in _buckets)
            if (bucket.Questionable(now) is { } contact && (oldest is null || contact.Seen < oldest.Seen))
                oldest = contact;
        return oldest;
    }

    /// <summary>
    /// An id to look up because its bucket has room and nothing has changed there for a quarter of an hour (BEP 5); null when
    /// there is none. The deepest buckets are never full, and one look-up next to ourselves serves them all.
    /// </summary>
    public Id160? Stale(IRandom random, Instant now)
    {
        for (var i = 0; i < _buckets.Count; i++)
        {
            if (now - _buckets[i].Fresh < s_refreshAfter)
                continue;
            _buckets[i].Fresh = now;
            if (i >= _buckets.Count - Deepest)
            {
                for (var deeper = i; deeper < _buckets.Count; deeper++)
                    _buckets[deeper].Fresh = now;
                return Own.RandomSibling(Id160.Bits - 8, random);
            }
            if (!_buckets[i].IsFull)
                return Own.RandomSibling(i, random);
        }
        return null;
    }

    /// <summary>An id in the bucket of this number.</summary>
    public Id160 IdInBucket(int bucket, IRandom random) => Own.RandomSibling(bucket, random);

    /// <summary>A look-up for this id has asked around here.</summary>
    public void Touch(Id160 target, Instant now) => BucketOf(target).Fresh = now;

    bool CanSplit => _buckets.Count < Id160.Bits - 1;

    Bucket BucketOf(Id160 id) => _buckets[Math.Min(Own.CommonPrefix(id), _buckets.Count - 1)];

    void Split(Instant now)
    {
        var last = _buckets[^1];
        var next = new Bucket(_buckets.Count, now);
        _buckets.Add(next);
        Move(last.Contacts, next.Contacts);
        if (last.Waiting is not { } waiting)
            return;
        foreach (var spare in waiting.Where(spare => BucketOf(spare.Node.Id) == next).ToList())
        {
            waiting.Remove(spare);
            next.Keep(spare);
        }

        void Move(List<Contact> from, List<Contact> to)
        {
            to.AddRange(from.Where(contact => BucketOf(contact.Node.Id) == next));
            from.RemoveAll(contact => BucketOf(contact.Node.Id) == next);
        }
    }

    void Add(Bucket bucket, Contact contact, Instant now)
    {
        bucket.Contacts.Add(contact);
        bucket.Fresh = now;
        Count++;
    }

    void Remove(Bucket bucket, Contact contact)
    {
        if (bucket.Contacts.Remove(contact))
            Count--;
    }

    void Replace(Bucket bucket, Contact old, Contact contact, Instant now)
    {
        Remove(bucket, old);
        if (Fits(bucket, contact.Node, null))
            Add(bucket, contact, now);
    }

    bool Fits(Bucket bucket, NodeInfo node, Contact? leaving)
    {
        var site = Site.Of(node.Endpoint.Address);
        int inBucket = 0, inAll = 0;
        foreach (var each in CollectionsMarshal.AsSpan(_buckets))
            foreach (var contact in CollectionsMarshal.AsSpan(each.Contacts))
            {
                if (contact == leaving)
                    continue;
                if (limits ? contact.Node.Endpoint.Address == node.Endpoint.Address : contact.Node.Endpoint == node.Endpoint)
                    return false;
                if (!limits || Site.Of(contact.Node.Endpoint.Address) != site)
                    continue;
                inAll++;
                if (each == bucket)
                    inBucket++;
            }
        return inBucket < MaxOfSiteInBucket && inAll < MaxOfSite;
    }
}
