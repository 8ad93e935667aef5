using Macro.Core;
using Macro.Simulation;

namespace Macro.Dht.Tests;

public sealed class PeerStoreTests
{
    static readonly Instant s_now = Instant.FromUnixSeconds(1_800_000_000);
    static readonly Id160 s_key = Id160.HashOf("key"u8);

    readonly SeededRandom _random = new(3);
    readonly PeerStore _store = new(new DhtOptions { MaxPeers = 100, MaxInfoHashes = 50 });
    readonly Endpoint[] _sample = new Endpoint[50];

    [Fact]
    public void Five_hundred_addresses_of_one_network_do_not_push_out_the_others()
    {
        var honest = Enumerable.Range(0, 20).Select(_ => Peer()).ToHashSet();
        foreach (var peer in honest)
            Announce(peer);
        for (var i = 0; i < 500; i++)
            Announce(new Endpoint(IpAddress.FromV4(0x05060700u + (uint)i % 256), (ushort)(1 + i)));

        var count = _store.Sample(s_key, v4: true, _sample, _random, s_now);
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
        var count = _store.Sample(s_key, v4: true, all, _random, s_now);
        Assert.Equal(100, count);
        Assert.True(honest.IsSubsetOf(all[..count].ToHashSet()));
    }

    [Fact]
    public void One_network_announces_for_so_many_info_hashes_and_no_more()
    {
        var store = new PeerStore(new DhtOptions());
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
        Assert.Equal(30, _store.Sample(s_key, v4: true, sample, _random, s_now));
        Assert.Equal(30, sample.Select(peer => Site.Of(peer.Address)).Distinct().Count());
    }

    [Fact]
    public void An_announcement_lasts_half_an_hour_and_counts_once()
    {
        var peer = Peer();
        Announce(peer);
        Announce(peer);
        Assert.Equal(1, _store.Sample(s_key, true, _sample, _random, s_now + TimeSpan.FromMinutes(29)));
        Assert.Equal(0, _store.Sample(s_key, true, _sample, _random, s_now + TimeSpan.FromMinutes(30)));
        Assert.Equal(0, _store.Sample(s_key, v4: false, _sample, _random, s_now));
    }

    [Fact]
    public void Too_many_info_hashes_leave_those_close_to_us()
    {
        var own = Id160.Random(_random);
        for (var i = 0; i < 500; i++)
            _store.Announce(Id160.Random(_random), Peer(), own, s_now);
        Assert.Equal(50, _store.InfoHashes);
        var kept = new Id160[50];
        _store.SampleInfoHashes(kept, _random);
        Assert.All(kept, infoHash => Assert.InRange(own.CommonPrefix(infoHash), 2, 160));
    }

    void Announce(Endpoint peer) => _store.Announce(s_key, peer, default, s_now);

    Endpoint Peer() => new(IpAddress.FromV4(0x40000000u + _random.NextUInt32() / 8), 6881);
}
