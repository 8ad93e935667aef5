using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>The settings of a device and its peers.</summary>
public sealed partial class Device
{
    /// <summary>Another key ends all sessions. A peer with our own public key goes.</summary>
    /// <param name="key">Owned from now on; null for none.</param>
    public void SetPrivateKey(PrivateKey? key, Instant now)
    {
        if (key is not null && PrivateKey is not null && key.PublicKey == PrivateKey.PublicKey)
        {
            if (key != PrivateKey)
                key.Dispose();
            return;
        }
        foreach (var peer in _peers.Values)
            peer.Replace(null);
        _gate?.Dispose();
        PrivateKey?.Dispose();
        PrivateKey = key;
        _gate = key is null ? null : new HandshakeGate(key, _random);
        if (key is not null)
            RemovePeer(key.PublicKey);
        foreach (var peer in _peers.Values)
            Start(peer, now);
    }

    /// <summary>Down ends all sessions and keeps silent; up begins again.</summary>
    public void SetUp(bool up, Instant now)
    {
        if (_up == up)
            return;
        _up = up;
        foreach (var peer in _peers.Values)
        {
            if (up)
                Start(peer, now);
            else
                peer.Replace(null);
        }
    }

    /// <summary>Follows the MTU of the interface.</summary>
    public void SetMtu(int mtu)
    {
        Mtu = mtu;
        foreach (var peer in _peers.Values)
            if (peer.Tunnel is { } tunnel)
                tunnel.Mtu = mtu;
    }

    /// <summary>0 asks for any free port.</summary>
    public void SetListenPort(ushort port)
    {
        ListenPort = port;
        Emit(DeviceEventKind.ListenPortChanged);
    }

    /// <summary>0 is none.</summary>
    public void SetFirewallMark(uint mark)
    {
        FirewallMark = mark;
        Emit(DeviceEventKind.FirewallMarkChanged);
    }

    public Peer AddOrGetPeer(PublicKey key, Instant now)
    {
        if (_peers.TryGetValue(key, out var peer))
            return peer;
        peer = new Peer(key);
        _peers.Add(key, peer);
        Start(peer, now);
        return peer;
    }

    public bool RemovePeer(PublicKey key)
    {
        if (!_peers.Remove(key, out var peer))
            return false;
        AllowedIps.RemoveAll(peer);
        _deadlines.Remove(peer);
        peer.Replace(null);
        peer.PresharedKey?.Dispose();
        return true;
    }

    /// <summary>For handshakes to come.</summary>
    /// <param name="psk">32 bytes, owned from now on; null for none.</param>
    public void SetPresharedKey(Peer peer, SecretBytes? psk)
    {
        CheckOwn(peer);
        var before = peer.PresharedKey;
        peer.PresharedKey = psk;
        peer.Tunnel?.SetPresharedKey(psk);
        if (before != psk)
            before?.Dispose();
    }

    public void SetEndpoint(Peer peer, Endpoint endpoint)
    {
        CheckOwn(peer);
        peer.Endpoint = endpoint;
    }

    /// <summary>Zero is off. When it was off, a keepalive goes out at once.</summary>
    public void SetPersistentKeepalive(Peer peer, TimeSpan interval, Instant now)
    {
        CheckOwn(peer);
        peer.PersistentKeepalive = interval;
        peer.Tunnel?.SetPersistentKeepalive(interval, now);
        Drain(peer, now);
    }

    /// <summary>Gives the prefix to this peer, and takes it from the one that had it.</summary>
    public void Allow(Peer peer, Prefix prefix)
    {
        CheckOwn(peer);
        AllowedIps.Add(prefix, peer);
    }

    public void Disallow(Peer peer, Prefix prefix)
    {
        CheckOwn(peer);
        AllowedIps.Remove(prefix, peer);
    }

    public void DisallowAll(Peer peer)
    {
        CheckOwn(peer);
        AllowedIps.RemoveAll(peer);
    }

    /// <summary>Applies a whole change, as wireguard-go does with a "set" request.</summary>
    public void Apply(DeviceChange change, Instant now)
    {
        ArgumentNullException.ThrowIfNull(change);
        if (change.PrivateKey is not null || change.RemovePrivateKey)
            SetPrivateKey(change.PrivateKey, now);
        if (change.ListenPort is { } port)
            SetListenPort(port);
        if (change.FirewallMark is { } mark)
            SetFirewallMark(mark);
        if (change.ReplacePeers)
            foreach (var key in _peers.Keys.ToArray())
                RemovePeer(key);
        foreach (var peer in change.Peers)
            Apply(peer, now);
    }

    void Apply(PeerChange change, Instant now)
    {
        // Our own key as a peer is passed over silently, so that one configuration can serve a whole group.
        if (change.PublicKey == PrivateKey?.PublicKey)
            return;
        if (change.Remove)
        {
            RemovePeer(change.PublicKey);
            return;
        }
        if (change.UpdateOnly && !_peers.ContainsKey(change.PublicKey))
            return;
        var peer = AddOrGetPeer(change.PublicKey, now);
        if (change.PresharedKey is not null || change.RemovePresharedKey)
            SetPresharedKey(peer, change.PresharedKey);
        if (change.Endpoint is { } endpoint)
            SetEndpoint(peer, endpoint);
        if (change.ReplaceAllowedIps)
            DisallowAll(peer);
        foreach (var (prefix, add) in change.AllowedIps)
        {
            if (add)
                Allow(peer, prefix);
            else
                Disallow(peer, prefix);
        }
        if (change.PersistentKeepalive is { } interval)
            SetPersistentKeepalive(peer, interval, now);
    }

    void CheckOwn(Peer peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (!_peers.TryGetValue(peer.PublicKey, out var own) || own != peer)
            throw new ArgumentException("The peer is not of this device.", nameof(peer));
    }

    void Start(Peer peer, Instant now)
    {
        if (!_up || PrivateKey is null)
            return;
        peer.Replace(new Tunnel(
            new TunnelOptions
            {
                PrivateKey = PrivateKey,
                Remote = peer.PublicKey,
                PresharedKey = peer.PresharedKey,
                PersistentKeepalive = peer.PersistentKeepalive,
                Mtu = Mtu,
            },
            Indices,
            _random)
        { Context = peer });
        Drain(peer, now);
    }
}
