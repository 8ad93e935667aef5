using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>A configured peer of a <see cref="Device"/>. Its <see cref="Endpoint"/> and <see cref="Tunnel"/> may be read by any thread.</summary>
public sealed class Peer : IDeadline
{
    volatile Tunnel? _tunnel;
    volatile EndpointCell _endpoint = EndpointCell.None;
    long _earlierSent, _earlierReceived;
    Instant _earlierHandshake;

    internal Peer(PublicKey publicKey) => PublicKey = publicKey;

    public PublicKey PublicKey { get; }

    /// <summary>Null while the device has no private key or is down.</summary>
    public Tunnel? Tunnel => _tunnel;

    /// <summary>Where its datagrams go; follows the peer when it roams. None until known.</summary>
    public Endpoint Endpoint
    {
        get => _endpoint.Value;
        internal set
        {
            if (_endpoint.Value != value)
                _endpoint = new EndpointCell(value);
        }
    }

    int IDeadline.Place { get; set; }

    /// <summary>Zero is off.</summary>
    public TimeSpan PersistentKeepalive { get; internal set; }

    /// <summary>Null for none; owned by the peer.</summary>
    public SecretBytes? PresharedKey { get; internal set; }

    /// <summary>Only for the owner thread.</summary>
    public IReadOnlyCollection<Prefix> AllowedIps => Prefixes;

    internal HashSet<Prefix> Prefixes { get; } = [];

    /// <summary>UDP payload bytes over the peer's whole life.</summary>
    public long BytesSent => _earlierSent + (Tunnel?.Activity.BytesSent ?? 0);

    /// <inheritdoc cref="BytesSent"/>
    public long BytesReceived => _earlierReceived + (Tunnel?.Activity.BytesReceived ?? 0);

    /// <summary><c>default</c> when never.</summary>
    public Instant LastHandshake => Instant.Max(_earlierHandshake, Tunnel?.Activity.LastHandshake ?? default);

    /// <summary>Changes the tunnel; what the old one counted is kept.</summary>
    internal void Replace(Tunnel? tunnel)
    {
        if (_tunnel is { } old)
        {
            _tunnel = null;
            _earlierSent += old.Activity.BytesSent;
            _earlierReceived += old.Activity.BytesReceived;
            _earlierHandshake = Instant.Max(_earlierHandshake, old.Activity.LastHandshake);
            old.Dispose();
        }
        _tunnel = tunnel;
    }

    // An endpoint is too large to be written at once; a reference is not.
    sealed class EndpointCell(Endpoint value)
    {
        public static readonly EndpointCell None = new(default);
        public readonly Endpoint Value = value;
    }
}
