using Macro.Core;
using Macro.Dht;
using Macro.Peers;

namespace Macro.Engine;

/// <summary>
/// Finds relays by the DHT: looks up the topics under which they announce themselves, and asks each endpoint that was
/// announced for its descriptor. Anybody can announce anything, so this yields only candidates: few for each address,
/// few for each network, and the signature decides.
/// </summary>
sealed class TopicSearch(DhtNode dht, DescriptorRules rules, IRandom random)
{
    /// <summary>Endpoints that one search asks, at most; and at a time.</summary>
    public const int MostAsked = 96, AtOnce = 12;

    const int MostOfNetwork = 4;
    static readonly TimeSpan s_again = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Numbers of bits, in groups that are tried together. Relays announce at b and b - 1, so every second number meets them;
    /// nobody who just comes knows the size of the network.
    /// </summary>
    static readonly int[][] s_bits = [[0, 2, 4, 6], [8, 10, 12, 14], [16, 18, 20, 22, 24]];

    readonly HashSet<int> _lookups = [];
    readonly Dictionary<int, NodeId?> _asking = [];
    readonly List<(Endpoint Endpoint, NodeId? Name)> _waiting = [];
    readonly Dictionary<Prefix, int> _asked = [];
    readonly Queue<SignedDescriptor> _found = new();
    int _group, _askedCount;
    bool _isOn;

    bool IsRunning => _lookups.Count > 0 || _asking.Count > 0 || _waiting.Count > 0;

    /// <summary>When to look again: whoever comes to the DHT at the same time as the relays finds nothing at first.</summary>
    public Instant NextTimeout { get; private set; } = Instant.Never;

    /// <summary>Descriptors that this search brought.</summary>
    public int Found { get; private set; }

    /// <summary>Begins from the start, whatever was found before.</summary>
    public void Begin(Instant now)
    {
        Stop();
        (_group, Found, _isOn) = (0, 0, true);
        Look(now);
    }

    public void Stop()
    {
        (_isOn, NextTimeout) = (false, Instant.Never);
        _lookups.Clear();
        _waiting.Clear();
        _asked.Clear();
        _askedCount = 0;
    }

    /// <summary>A relay that somebody vouches for: it is asked at all its endpoints.</summary>
    public void Ask(Seed seed, Instant now)
    {
        foreach (var endpoint in seed.Endpoints)
            _waiting.Add((endpoint, seed.Id));
        AskNext(now);
    }

    public void HandleTimeout(Instant now)
    {
        if (now >= NextTimeout)
            Begin(now);
    }

    public bool TryTake(out SignedDescriptor found) => _found.TryDequeue(out found!);

    /// <summary>What a relay serves its descriptor under, whatever the size of the network.</summary>
    public static Id160 OwnTopic(NetworkKey network, uint epoch) => TopicOf(network, epoch, 0, 0);

    public void Handle(DhtEvent happened, Instant now)
    {
        switch (happened)
        {
            case PeersFound found when _lookups.Contains(found.Operation):
                foreach (var peer in found.Peers)
                    Consider(peer);
                break;
            case PeersEnded ended when _lookups.Remove(ended.Operation):
                break;
            case ItemAnswered answered when _asking.Remove(answered.Operation, out var name):
                if (answered.Item is { } item && (name is null || item.Key == name.Value.Key)
                    && SignedDescriptor.TryFromItem(item.Key, item.Sequence, item.Signature.Span, item.Value.Span, rules, now, out var signed) == DescriptorVerdict.Valid)
                {
                    Found++;
                    _found.Enqueue(signed!);
                }
                break;
            case var _:
                return;
        }
        AskNext(now);
        if (!_isOn || IsRunning || Found > 0)
            return;
        if (++_group < s_bits.Length)
            Look(now);
        else
            NextTimeout = now + s_again;
    }

    void Look(Instant now)
    {
        var epoch = Epoch.At(now);
        foreach (var bits in s_bits[_group])
            _lookups.Add(dht.GetPeers(TopicOf(rules.Network, epoch, bits, bits == 0 ? 0 : random.NextUInt32() >> (32 - bits)), now));
    }

    void Consider(Endpoint peer)
    {
        if (_askedCount + _waiting.Count >= MostAsked || _waiting.Exists(w => w.Endpoint == peer))
            return;
        // In a network of one building or one machine all come from few prefixes.
        if (!rules.AllowsPrivateAddresses || AddressScope.IsPublic(peer.Address))
        {
            var network = new Prefix(peer.Address, peer.Address.IsV4 ? 24 : 48);
            var count = _asked.GetValueOrDefault(network);
            if (count >= MostOfNetwork)
                return;
            _asked[network] = count + 1;
        }
        _waiting.Insert(random.NextInt(_waiting.Count + 1), (peer, null));
    }

    void AskNext(Instant now)
    {
        while (_asking.Count < AtOnce && _waiting.Count > 0)
        {
            var (endpoint, name) = _waiting[^1];
            _waiting.RemoveAt(_waiting.Count - 1);
            _askedCount++;
            _asking.Add(dht.AskItem(endpoint, OwnTopic(rules.Network, Epoch.At(now)), now), name);
        }
    }

    static Id160 TopicOf(NetworkKey network, uint epoch, int bits, uint shard)
    {
        Span<byte> hash = stackalloc byte[Topic.Size];
        Topic.Write(hash, network, epoch, Facet.All, new Shard(bits, shard));
        return Id160.Read(hash);
    }
}
