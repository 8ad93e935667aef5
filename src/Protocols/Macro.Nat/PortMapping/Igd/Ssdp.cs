using System.Text;
using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>How gateways with UPnP are found: a question by multicast, answered by datagram (UPnP Device Architecture 1.3.2).</summary>
public static class Ssdp
{
    public const ushort Port = 1900;

    /// <summary>Bytes of the longest answer that is read.</summary>
    public const int MaxSize = 2048;

    public static readonly Endpoint Multicast = new(IpAddress.FromV4(0xeffffffa), Port);

    /// <param name="version">Of InternetGatewayDevice: 1 or 2. Some gateways answer to their own version only.</param>
    public static byte[] Search(int version) => Encoding.ASCII.GetBytes(
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\n"
        + $"ST: urn:schemas-upnp-org:device:InternetGatewayDevice:{version}\r\n\r\n");

    /// <summary>Reads where the description of a gateway is from an answer to a search.</summary>
    public static bool TryParseReply(ReadOnlySpan<byte> datagram, out GatewayUrl location)
    {
        location = default;
        if (datagram.Length is < 12 or > MaxSize || !datagram.StartsWith("HTTP/1."u8) || !datagram[8..].StartsWith(" 200"u8))
            return false;
        var found = ReadOnlySpan<byte>.Empty;
        var isGateway = false;
        foreach (var range in datagram.Split("\n"u8))
        {
            var line = datagram[range].TrimEnd("\r"u8);
            if (line.IsEmpty)
                break;
            if (line.IndexOf((byte)':') is not (> 0 and var colon))
                continue;
            var value = line[(colon + 1)..].Trim(" \t"u8);
            if (Ascii.EqualsIgnoreCase(line[..colon], "LOCATION"u8) && found.IsEmpty)
                found = value;
            else if (Ascii.EqualsIgnoreCase(line[..colon], "ST"u8))
                isGateway = value.IndexOf(":InternetGatewayDevice:"u8) >= 0;
        }
        Span<char> text = stackalloc char[GatewayUrl.MaxLength];
        return isGateway && found.Length <= text.Length && Ascii.ToUtf16(found, text, out var length) == System.Buffers.OperationStatus.Done
            && GatewayUrl.TryParse(text[..length], out location);
    }
}
