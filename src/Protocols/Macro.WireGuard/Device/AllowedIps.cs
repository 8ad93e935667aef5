using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// The cryptokey routing table (whitepaper section 2): which peer a destination belongs to, and which sources a peer may use.
/// A prefix belongs to one peer; giving it to another takes it away from the first. Any thread may search; the owner thread changes.
/// </summary>
public sealed class AllowedIps
{
    readonly PrefixTrie<Peer> _trie = new();

    /// <summary>The peer of the longest prefix that contains the address, or null.</summary>
    public Peer? Find(IpAddress address) => _trie.Find(address);

    internal void Add(Prefix prefix, Peer peer)
    {
        var before = _trie.Set(prefix, peer);
        if (before != peer)
            before?.Prefixes.Remove(prefix);
        peer.Prefixes.Add(prefix);
    }

    internal void Remove(Prefix prefix, Peer peer)
    {
        if (peer.Prefixes.Remove(prefix))
            _trie.Remove(prefix);
    }

    internal void RemoveAll(Peer peer)
    {
        foreach (var prefix in peer.Prefixes)
            _trie.Remove(prefix);
        peer.Prefixes.Clear();
    }
}
