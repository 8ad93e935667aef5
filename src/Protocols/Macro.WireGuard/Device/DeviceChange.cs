using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>A change of a device's configuration, in the terms of the cross-platform interface; null leaves a thing as it is.</summary>
public sealed record DeviceChange
{
    /// <summary>Owned by the device from then on.</summary>
    public PrivateKey? PrivateKey { get; set; }

    public bool RemovePrivateKey { get; set; }
    public ushort? ListenPort { get; set; }

    /// <summary>0 removes the mark.</summary>
    public uint? FirewallMark { get; set; }

    /// <summary>Remove all peers first.</summary>
    public bool ReplacePeers { get; set; }

    /// <summary>Applied in order.</summary>
    public List<PeerChange> Peers { get; } = [];
}

/// <summary>A change of one peer; null leaves a thing as it is.</summary>
public sealed record PeerChange(PublicKey PublicKey)
{
    public bool Remove { get; set; }

    /// <summary>Nothing happens when there is no such peer.</summary>
    public bool UpdateOnly { get; set; }

    /// <summary>Owned by the peer from then on.</summary>
    public SecretBytes? PresharedKey { get; set; }

    public bool RemovePresharedKey { get; set; }
    public Endpoint? Endpoint { get; set; }
    public TimeSpan? PersistentKeepalive { get; set; }

    /// <summary>Remove all allowed IPs of the peer first.</summary>
    public bool ReplaceAllowedIps { get; set; }

    /// <summary>Applied in order; "Add" false takes a prefix away.</summary>
    public List<(Prefix Prefix, bool Add)> AllowedIps { get; } = [];
}
