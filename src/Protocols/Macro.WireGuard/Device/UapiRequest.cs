using System.Globalization;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto;

namespace Macro.WireGuard;

/// <summary>Reads the lines of a "set" request. All or nothing: a bad line leaves the device as it was.</summary>
static class UapiRequest
{
    /// <param name="lines">What follows "set=1", up to the empty line or the end.</param>
    /// <returns>0 or a negative errno.</returns>
    public static int Parse(ReadOnlySpan<char> lines, out DeviceChange change)
    {
        change = new DeviceChange();
        PeerChange? peer = null;
        foreach (var range in lines.Split('\n'))
        {
            var line = lines[range];
            if (line.IsEmpty)
                break;
            var equals = line.IndexOf('=');
            if (equals < 0)
                return Uapi.ProtocolError;
            var key = line[..equals];
            var value = line[(equals + 1)..];
            if (key is "public_key")
            {
                if (!PublicKey.TryParseHex(value, out var publicKey))
                    return Uapi.InvalidArgument;
                peer = new PeerChange(publicKey);
                change.Peers.Add(peer);
            }
            else if (key is "protocol_version")
            {
                if (value is not "1")
                    return Uapi.ProtocolError;
            }
            else if (!(peer is null ? TryReadDevice(key, value, change) : TryReadPeer(key, value, peer)))
            {
                return Uapi.InvalidArgument;
            }
        }
        return 0;
    }

    static bool TryReadDevice(ReadOnlySpan<char> key, ReadOnlySpan<char> value, DeviceChange change)
    {
        switch (key)
        {
            case "private_key":
                Span<byte> bytes = stackalloc byte[PrivateKey.Size];
                if (!TryReadHex(value, bytes))
                    return false;
                change.PrivateKey?.Dispose();
                change.RemovePrivateKey = !bytes.ContainsAnyExcept((byte)0);
                change.PrivateKey = change.RemovePrivateKey ? null : PrivateKey.FromBytes(bytes);
                CryptographicOperations.ZeroMemory(bytes);
                return true;
            case "listen_port":
                if (!ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var port))
                    return false;
                change.ListenPort = port;
                return true;
            case "fwmark":
                if (!TryReadMark(value, out var mark))
                    return false;
                change.FirewallMark = mark;
                return true;
            case "replace_peers":
                return value is "true" && (change.ReplacePeers = true);
            default:
                return false;
        }
    }

    static bool TryReadPeer(ReadOnlySpan<char> key, ReadOnlySpan<char> value, PeerChange peer)
    {
        switch (key)
        {
            case "remove":
                return value is "true" && (peer.Remove = true);
            case "update_only":
                return value is "true" && (peer.UpdateOnly = true);
            case "replace_allowed_ips":
                return value is "true" && (peer.ReplaceAllowedIps = true);
            case "preshared_key":
                Span<byte> bytes = stackalloc byte[PrivateKey.Size];
                if (!TryReadHex(value, bytes))
                    return false;
                peer.PresharedKey?.Dispose();
                peer.RemovePresharedKey = !bytes.ContainsAnyExcept((byte)0);
                peer.PresharedKey = peer.RemovePresharedKey ? null : new SecretBytes(bytes);
                CryptographicOperations.ZeroMemory(bytes);
                return true;
            case "endpoint":
                if (!Endpoint.TryParse(value, out var endpoint))
                    return false;
                peer.Endpoint = endpoint;
                return true;
            case "persistent_keepalive_interval":
                if (!ushort.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
                    return false;
                peer.PersistentKeepalive = TimeSpan.FromSeconds(seconds);
                return true;
            case "allowed_ip":
                var add = !value.StartsWith('-');
                if (!Prefix.TryParse(add ? value : value[1..], out var prefix))
                    return false;
                peer.AllowedIps.Add((prefix, add));
                return true;
            default:
                return false;
        }
    }

    static bool TryReadHex(ReadOnlySpan<char> value, Span<byte> bytes) =>
        value.Length == 2 * bytes.Length && Convert.FromHexString(value, bytes, out _, out _) == System.Buffers.OperationStatus.Done;

    /// <summary>Decimal, or hexadecimal with 0x, as wg(8) may send it.</summary>
    static bool TryReadMark(ReadOnlySpan<char> value, out uint mark) => value.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
        ? uint.TryParse(value[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out mark)
        : uint.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out mark);
}
