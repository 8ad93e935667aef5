using System.Globalization;
using System.Text;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>
/// The configuration protocol of userspace WireGuard, as text (https://www.wireguard.com/xplatform/): requests "get=1" and "set=1", each
/// ended by an empty line, as is the answer. Errors are negative errno values, as wireguard-go gives them.
/// </summary>
public static class Uapi
{
    /// <summary>EINVAL: a key or value that cannot be. Nothing was changed.</summary>
    public const int InvalidArgument = -22;

    /// <summary>EPROTO: not a request at all, or a version of the protocol that nobody speaks.</summary>
    public const int ProtocolError = -71;

    /// <summary>EADDRINUSE: for the shell, when the listening port is taken.</summary>
    public const int AddressInUse = -98;

    /// <summary>EIO: for the shell, when the sockets fail.</summary>
    public const int InputOutputError = -5;

    /// <summary>Answers one request. After a "set", the shell takes the device's events: a port that cannot be bound changes the answer to <see cref="Errno"/>.</summary>
    public static string Handle(Device device, string request, Instant now)
    {
        ArgumentNullException.ThrowIfNull(device);
        ArgumentNullException.ThrowIfNull(request);
        var end = request.IndexOf('\n');
        switch (end < 0 ? request : request[..end])
        {
            case "get=1":
                return Describe(device);
            case "set=1":
                var error = UapiRequest.Parse(request.AsSpan(end < 0 ? request.Length : end + 1), out var change);
                if (error == 0)
                    device.Apply(change, now);
                return Errno(error);
            default:
                return Errno(ProtocolError);
        }
    }

    /// <summary>The whole answer to a "set".</summary>
    /// <param name="error">0 or a negative errno.</param>
    public static string Errno(int error) => string.Create(CultureInfo.InvariantCulture, $"errno={error}\n\n");

    /// <summary>The whole answer to a "get". Holds the private key: show it to nobody but the asker.</summary>
    public static string Describe(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        var text = new StringBuilder();
        if (device.PrivateKey is { } key)
            Line(text, "private_key", Convert.ToHexStringLower(key.Span));
        if (device.ListenPort != 0)
            Line(text, "listen_port", device.ListenPort);
        if (device.FirewallMark != 0)
            Line(text, "fwmark", device.FirewallMark);
        foreach (var peer in device.Peers)
            Describe(text, peer);
        return text.Append("errno=0\n\n").ToString();
    }

    static void Describe(StringBuilder text, Peer peer)
    {
        Line(text, "public_key", peer.PublicKey.ToHex());
        Line(text, "preshared_key", peer.PresharedKey is { } psk ? Convert.ToHexStringLower(psk.Span) : new string('0', 64));
        Line(text, "protocol_version", 1);
        if (!peer.Endpoint.IsNone)
            Line(text, "endpoint", peer.Endpoint.ToString());
        Line(text, "last_handshake_time_sec", peer.LastHandshake.UnixSeconds);
        Line(text, "last_handshake_time_nsec", peer.LastHandshake.Ticks % TimeSpan.TicksPerSecond * 100);
        Line(text, "tx_bytes", peer.BytesSent);
        Line(text, "rx_bytes", peer.BytesReceived);
        Line(text, "persistent_keepalive_interval", (long)peer.PersistentKeepalive.TotalSeconds);
        foreach (var prefix in peer.AllowedIps)
            Line(text, "allowed_ip", prefix.ToString());
    }

    static void Line(StringBuilder text, string key, string value) => text.Append(key).Append('=').Append(value).Append('\n');

    static void Line(StringBuilder text, string key, long value) => text.Append(CultureInfo.InvariantCulture, $"{key}={value}\n");
}
