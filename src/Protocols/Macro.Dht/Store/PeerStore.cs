using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// Who announced himself for which info-hash (BEP 5), for half an hour each. A full list gives up a peer of the /16 or /32 that
/// has most of them, so that whoever announces from one network displaces himself only; and of those the one that a secret
/// order puts last, so that what is kept is a fair choice however often somebody announces.
/// </summary>
sealed class PeerStore(DhtOptions options, IRandom random)
{
    /// <summary>Peers of one /24 or /48 for one info-hash, and for all together.</summary>
    public const int MostOfSite = 4, MostOfSiteInAll = 256;

    static readonly TimeSpan s_life = TimeSpan.FromMinutes(30);

    readonly Dictionary<Id160, List<Peer>> _peers = [];
    readonly Dictionary<Site, int> _ofSite = [];
    readonly byte[] _secret = NewSecret(random);
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
        if (IsGreedy(site))
            return;
        peers.Add(new Peer(peer, now + s_life, RankOf(peer.Address)));
        CollectionsMarshal.GetValueRefOrAddDefault(_ofSite, site, out _)++;
        if (!options.Local && peers.Count(known => Site.Of(known.Endpoint.Address) == site) > MostOfSite)
            Drop(peers, Last(peers, known => Site.Of(known.Endpoint.Address) == site));
        else if (peers.Count > options.MaxPeers)
        {
            var largest = Largest(peers);
            Drop(peers, Last(peers, known => RegionOf(known.Endpoint.Address) == largest));
        }
    }

    /// <summary>A random choice of the peers of one family: one of each /16 or /32, then a second of each, and so on.</summary>
    public int Sample(Id160 infoHash, bool v4, Span<Endpoint> sample, Instant now)
    {
        if (!_peers.TryGetValue(infoHash, out var peers))
            return 0;
        var live = peers.Where(peer => peer.Expires > now && peer.Endpoint.Address.IsV4 == v4).Select(peer => peer.Endpoint).ToArray();
        random.Shuffle(live.AsSpan());
        if (live.Length > sample.Length)
        {
            var ofRegion = new Dictionary<UInt128, int>();
            var turns = Array.ConvertAll(live, peer => CollectionsMarshal.GetValueRefOrAddDefault(ofRegion, RegionOf(peer.Address), out _)++);
            Array.Sort(turns, live);
        }
        var count = Math.Min(sample.Length, live.Length);
        live.AsSpan(0, count).CopyTo(sample);
        return count;
    }

    /// <summary>Info-hashes at random (BEP 51).</summary>
    public int SampleInfoHashes(Span<Id160> sample)
    {
        var all = _peers.Keys.ToArray();
        random.Shuffle(all.AsSpan());
        var count = Math.Min(sample.Length, all.Length);
        all.AsSpan(0, count).CopyTo(sample);
        return count;
    }

    /// <summary>The last in the secret order; of one address with several ports the oldest.</summary>
    static int Last(List<Peer> peers, Predicate<Peer> which)
    {
        var last = -1;
        for (var i = 0; i < peers.Count; i++)
            if (which(peers[i]) && (last < 0 || peers[i].Rank > peers[last].Rank))
                last = i;
        return last;
    }

    /// <summary>By /16 and /32: who has one /24 often has its neighbours too.</summary>
    static UInt128 Largest(List<Peer> peers)
    {
        var counts = new Dictionary<UInt128, int>();
        foreach (var peer in peers)
            CollectionsMarshal.GetValueRefOrAddDefault(counts, RegionOf(peer.Endpoint.Address), out _)++;
        var most = counts.Values.Max();
        // Several may be as large: the one whose last is last of all.
        return RegionOf(peers[Last(peers, peer => counts[RegionOf(peer.Endpoint.Address)] == most)].Endpoint.Address);
    }

    static UInt128 RegionOf(IpAddress address) => address.IsV4 ? address.Bits >> 16 : address.Bits >> 96 << 96;

    ulong RankOf(IpAddress address)
    {
        Span<byte> bytes = stackalloc byte[16], mac = stackalloc byte[Blake2s.MacSize];
        address.WriteMapped(bytes);
        Blake2s.Mac(mac, _secret, bytes);
        return BinaryPrimitives.ReadUInt64LittleEndian(mac);
    }

    static byte[] NewSecret(IRandom random)
    {
        var secret = new byte[Blake2s.HashSize];
        random.Fill(secret);
        return secret;
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

    readonly record struct Peer(Endpoint Endpoint, Instant Expires, ulong Rank);
}
