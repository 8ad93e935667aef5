namespace Macro.Core;

/// <summary>
/// What stands for a TCP connection where only endpoints are known: an address in ff00::/16, multicast of the reserved scope 0,
/// which no packet of any network bears (RFC 4291 2.7). docs/decisions/0021-tcp-connections-are-endpoints.md.
/// </summary>
/// <remarks>
/// <code>
///   0..15   ff00
///  16..63   who: the IPv4 address, or the first 48 bits of the IPv6 address, so that limits by prefix count all its connections
///  64..127  number, drawn at random
/// </code>
/// </remarks>
public static class TcpEndpoint
{
    /// <summary>Outside, the port is this at every relay.</summary>
    public const ushort Port = 443;

    public static bool Is(Endpoint endpoint) => endpoint.Address.Bits >> 112 == 0xff00;

    /// <param name="far">The other end of the connection.</param>
    /// <param name="number">Not to be guessed.</param>
    public static Endpoint Make(IpAddress far, ulong number) => new(new IpAddress(((UInt128)0xff00 << 112) | ((UInt128)Source(far) << 64) | number), Port);

    /// <summary>What limits by source go by: an IPv4 address, or a /48 of IPv6.</summary>
    public static ulong Source(IpAddress far) => far.IsV4 ? far.V4Bits : (ulong)(far.Bits >> 80);
}
