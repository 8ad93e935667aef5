using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Dht;

/// <summary>
/// Who announced himself for which info-hash (BEP 5), for half an hour each. A full list gives up the oldest peer of the
/// network that has most of them, so that whoever announces from one /24 displaces himself only.
/// </summary>
sealed class PeerStore(DhtOptions options)
{
    /// <summary>Peers of one /24 or /48 for one info-hash, and for all together.</summary>
    public const int MostOfSite = 4, MostOfSiteInAll = 256;

    static readonly TimeSpan s_life = TimeSpan.FromMinutes(30);

    readonly Dictionary<Id160, List<Peer>> _peers = [];
    readonly Dictionary<Site, int> _ofSite = [];
    Instant _nextSweep = new(0);

    public int InfoHashes => _peers.Count;

    /// <summary>All that are kept, whatever their family.</summary>
    public int Count => _peers.Values.Sum(peers => peers.Count);

    /// <param name="own">Our id: when there are too many info-hashes, those far from it go first.</param>
    public void Announce(Id160 infoHash, Endpoint peer, Id160 own, Instant now)
    {
        Sweep(now);
        var site = Site.Of(peer.Address);
        if (!_peers.TryGetValue(infoHash, out var peers))
        {
            if (IsGreedy(site))
                return;
            if (_peers.Count >= options.MaxInfoHashes && !MakeRoom(infoHash, own))
                return;
            _peers.Add(infoHash, peers = new List<Peer>(1));
        }
        Drop(peers, known => known.Endpoint == peer || known.Expires <= now);
        MakeRoom(peers, site);
        if (IsGreedy(site))
            return;
        peers.Add(new Peer(peer, now + s_life));
        CollectionsMarshal.GetValueRefOrAddDefault(_ofSite, site, out _)++;
    }

    /// <summary>A random choice of the peers of one family, with as many networks in it as there are.</summary>
    public int Sample(Id160 infoHash, bool v4, Span<Endpoint> sample, IRandom random, Instant now)
    {
        if (!_peers.TryGetValue(infoHash, out var peers))
            return 0;
        Span<Endpoint> live = new Endpoint[peers.Count];
        var count = 0;
        foreach (var peer in peers)
            if (peer.Expires > now && peer.Endpoint.Address.IsV4 == v4)
                live[count++] = peer.Endpoint;
        live = live[..count];
        random.Shuffle(live);
        if (count <= sample.Length)
        {
            live.CopyTo(sample);
            return count;
        }
        var sites = new HashSet<Site>();
        var chosen = 0;
        foreach (ref var peer in live)
        {
            if (chosen == sample.Length)
                return chosen;
            if (!sites.Add(Site.Of(peer.Address)))
                continue;
            sample[chosen++] = peer;
            peer = default;
        }
        foreach (var peer in live)
            if (!peer.IsNone && chosen < sample.Length)
                sample[chosen++] = peer;
        return chosen;
    }

    /// <summary>Info-hashes at random (BEP 51).</summary>
    public int SampleInfoHashes(Span<Id160> sample, IRandom random)
    {
        var all = _peers.Keys.ToArray();
        random.Shuffle(all.AsSpan());
        var count = Math.Min(sample.Length, all.Length);
        all.AsSpan(0, count).CopyTo(sample);
        return count;
    }

    /// <summary>Makes room for one more peer of a network.</summary>
    void MakeRoom(List<Peer> peers, Site newcomer)
    {
        if (options.Local)
        {
            if (peers.Count >= options.MaxPeers)
                Drop(peers, 0);
            return;
        }
        var oldest = -1;
        var ofSite = 0;
        for (var i = 0; i < peers.Count; i++)
        {
            if (Site.Of(peers[i].Endpoint.Address) != newcomer)
                continue;
            ofSite++;
            if (oldest < 0)
                oldest = i;
        }
        if (ofSite >= MostOfSite)
            Drop(peers, oldest);
        else if (peers.Count >= options.MaxPeers)
            Drop(peers, OldestOfLargest(peers));
    }

    /// <summary>By /16 and /32: who has one /24 often has its neighbours too.</summary>
    static int OldestOfLargest(List<Peer> peers)
    {
        var counts = new Dictionary<UInt128, int>();
        foreach (var peer in peers)
            CollectionsMarshal.GetValueRefOrAddDefault(counts, Region(peer), out _)++;
        var largest = counts.MaxBy(region => region.Value).Key;
        return peers.FindIndex(peer => Region(peer) == largest);

        static UInt128 Region(Peer peer) => peer.Endpoint.Address is { IsV4: true } v4 ? v4.Bits >> 16 : peer.Endpoint.Address.Bits >> 96 << 96;
    }

    bool MakeRoom(Id160 newcomer, Id160 own)
    {
        var farthest = _peers.Keys.MaxBy(infoHash => infoHash ^ own);
        if (own.CompareDistance(newcomer, farthest) >= 0)
            return false;
        Drop(_peers[farthest], _ => true);
        return _peers.Remove(farthest);
    }

    void Sweep(Instant now)
    {
        if (now < _nextSweep)
            return;
        _nextSweep = now + TimeSpan.FromMinutes(2);
        foreach (var (infoHash, peers) in _peers)
        {
            Drop(peers, peer => peer.Expires <= now);
            if (peers.Count == 0)
                _peers.Remove(infoHash);
        }
    }

    bool IsGreedy(Site site) => !options.Local && _ofSite.GetValueOrDefault(site) >= MostOfSiteInAll;

    void Drop(List<Peer> peers, Predicate<Peer> which)
    {
        for (var i = peers.Count - 1; i >= 0; i--)
            if (which(peers[i]))
                Drop(peers, i);
    }

    void Drop(List<Peer> peers, int index)
    {
        var site = Site.Of(peers[index].Endpoint.Address);
        peers.RemoveAt(index);
        if (--CollectionsMarshal.GetValueRefOrAddDefault(_ofSite, site, out _) <= 0)
            _ofSite.Remove(site);
    }

    readonly record struct Peer(Endpoint Endpoint, Instant Expires);
}
