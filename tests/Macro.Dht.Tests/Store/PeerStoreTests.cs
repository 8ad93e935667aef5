using Macro.Core;
using Macro.Simulation;

namespace Macro.Dht.Tests;

public sealed class PeerStoreTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);
    static readonly Id160 s_key = Id160.HashOf("key"u8);

    readonly SeededRandom _random = new(3);
    readonly PeerStore _store;
    readonly Endpoint[] _sample = new Endpoint[50];

    public PeerStoreTests() => _store = new PeerStore(new DhtOptions { MaxPeers = 100, MaxInfoHashes = 50 }, _random);

    [Fact]
    public void Five_hundred_addresses_of_one_network_do_not_push_out_the_others()
    {
        var honest = Enumerable.Range(0, 20).Select(_ => Peer()).ToHashSet();
        foreach (var peer in honest)
            Announce(peer);
        for (var i = 0; i < 500; i++)
            Announce(new Endpoint(IpAddress.FromV4(0x05060700u + (uint)i % 256), (ushort)(1 + i)));

        var count = _store.Sample(s_key, v4: true, _sample, s_now);
        Assert.Equal(honest.Count + PeerStore.MostOfSite, count);
        Assert.True(honest.IsSubsetOf(_sample[..count].ToHashSet()));
    }

    [Fact]
    public void A_flood_from_one_large_network_displaces_itself()
    {
        var honest = Enumerable.Range(0, 20).Select(_ => Peer()).ToHashSet();
        foreach (var peer in honest)
            Announce(peer);
        for (var i = 0; i < 5000; i++)
            Announce(new Endpoint(IpAddress.FromV4(0x05060000u + (uint)_random.NextInt(65536)), 1));

        var all = new Endpoint[200];
        var count = _store.Sample(s_key, v4: true, all, s_now);
        Assert.Equal(100, count);
        Assert.True(honest.IsSubsetOf(all[..count].ToHashSet()));
    }

    [Fact]
    public void Who_announces_more_often_is_kept_no_more_often()
    {
        var honest = Enumerable.Range(0, 100).Select(_ => Peer()).ToHashSet();
        var eager = Enumerable.Range(0, 400).Select(_ => Peer()).ToArray();
        foreach (var peer in honest)
            Announce(peer);
        for (var round = 0; round < 20; round++)
            foreach (var peer in eager)
                Announce(peer);

        var all = new Endpoint[200];
        var count = _store.Sample(s_key, v4: true, all, s_now);
        Assert.Equal(100, count);
        // A fifth of those who announced; eight is four deviations off.
        Assert.InRange(all[..count].Count(honest.Contains), 8, 32);
    }

    [Fact]
    public void A_sample_of_a_crowded_list_has_every_large_network_in_it()
    {
        var honest = Enumerable.Range(0, 20).Select(i => new Endpoint(IpAddress.FromV4(0x20000001u + ((uint)i << 16)), 1)).ToHashSet();
        foreach (var peer in honest)
            Announce(peer);
        for (var i = 0; i < 80; i++)
            Announce(new Endpoint(IpAddress.FromV4(0x05060001u + ((uint)i << 8)), 1));
        var count = _store.Sample(s_key, v4: true, _sample, s_now);
        Assert.Equal(50, count);
        Assert.Equal(20, _sample.Count(honest.Contains));
    }

    [Fact]
    public void One_network_announces_for_so_many_info_hashes_and_no_more()
    {
        var store = new PeerStore(new DhtOptions(), _random);
        var peer = Peer();
        for (var i = 0; i < 2000; i++)
            store.Announce(Id160.Random(_random), peer, default, s_now);
        Assert.Equal(PeerStore.MostOfSiteInAll, store.InfoHashes);
        store.Announce(s_key, Peer(), default, s_now);
        Assert.Equal(PeerStore.MostOfSiteInAll + 1, store.InfoHashes);

        var later = s_now + TimeSpan.FromMinutes(31);
        store.Announce(Id160.Random(_random), peer, default, later);
        Assert.Equal(1, store.Count);
    }

    [Fact]
    public void A_sample_has_as_many_networks_as_there_are()
    {
        for (var network = 0; network < 30; network++)
            for (var i = 0; i < 3; i++)
                Announce(new Endpoint(IpAddress.FromV4(0x20000000u + (uint)(network << 16) + (uint)i), 1));
        var sample = new Endpoint[30];
        Assert.Equal(30, _store.Sample(s_key, v4: true, sample, s_now));
        Assert.Equal(30, sample.Select(peer => Site.Of(peer.Address)).Distinct().Count());
    }

    [Fact]
    public void An_announcement_lasts_half_an_hour_and_counts_once()
    {
        var peer = Peer();
        Announce(peer);
        Announce(peer);
        Assert.Equal(1, _store.Sample(s_key, true, _sample, s_now + TimeSpan.FromMinutes(29)));
        Assert.Equal(0, _store.Sample(s_key, true, _sample, s_now + TimeSpan.FromMinutes(30)));
        Assert.Equal(0, _store.Sample(s_key, v4: false, _sample, s_now));
    }

    [Fact]
    public void Too_many_info_hashes_leave_those_close_to_us()
    {
        var own = Id160.Random(_random);
        for (var i = 0; i < 500; i++)
            _store.Announce(Id160.Random(_random), Peer(), own, s_now);
        Assert.Equal(50, _store.InfoHashes);
        var kept = new Id160[50];
        _store.SampleInfoHashes(kept);
        Assert.All(kept, infoHash => Assert.InRange(own.CommonPrefix(infoHash), 2, 160));
    }

    void Announce(Endpoint peer) => _store.Announce(s_key, peer, default, s_now);

    Endpoint Peer() => new(IpAddress.FromV4(0x40000000u + _random.NextUInt32() / 8), 6881);
}
