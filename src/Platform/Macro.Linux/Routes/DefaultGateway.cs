using System.Globalization;
using System.Net.NetworkInformation;
using Macro.Core;

namespace Macro.Linux;

/// <summary>The gateway that the kernel's main routing table leads to, and this machine's address in its network.</summary>
/// <param name="Interface">Name of the network card.</param>
/// <param name="Network">The network on the link, for IPv4.</param>
public sealed record DefaultGateway(string Interface, IpAddress Address, IpAddress Own, Prefix Network)
{
    /// <summary>Of IPv4, from /proc/net/route; null where there is none.</summary>
    public static DefaultGateway? FindV4()
    {
        // Iface Destination Gateway Flags RefCnt Use Metric Mask ...: hexadecimal in the machine's byte order.
        var best = Lines("/proc/net/route")
            .Select(line => line.Split('\t', StringSplitOptions.TrimEntries))
            .Where(fields => fields is [_, "00000000", not "00000000", _, _, _, _, "00000000", ..])
            .MinBy(fields => int.Parse(fields[6], CultureInfo.InvariantCulture));
        if (best is null)
            return null;
        var gateway = IpAddress.FromV4(System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(uint.Parse(best[2], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
        return Addresses(best[0])
            .Where(own => own.Address.IsV4)
            .Select(own => new DefaultGateway(best[0], gateway, own.Address, new Prefix(own.Address, own.Length)))
            .FirstOrDefault(found => found.Network.Contains(gateway));
    }

    /// <summary>Of IPv6, from /proc/net/ipv6_route; null where there is none, or no global address to be reached at.</summary>
    public static DefaultGateway? FindV6()
    {
        // destination length source length next-hop metric refcnt use flags device, all hexadecimal.
        var best = Lines("/proc/net/ipv6_route")
            .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields.Length == 10 && fields[1] == "00" && fields[4].Any(digit => digit != '0') && fields[9] != "lo")
            .MinBy(fields => uint.Parse(fields[5], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        if (best is null)
            return null;
        var gateway = IpAddress.Read(Convert.FromHexString(best[4]));
        var global = Prefix.Parse("2000::/3");
        return Addresses(best[9])
            .Where(own => global.Contains(own.Address))
            .Select(own => new DefaultGateway(best[9], gateway, own.Address, new Prefix(own.Address, own.Length)))
            .FirstOrDefault();
    }

    static IEnumerable<(IpAddress Address, int Length)> Addresses(string card) =>
        from one in NetworkInterface.GetAllNetworkInterfaces()
        where one.Name == card
        from address in one.GetIPProperties().UnicastAddresses
        select (IpAddress.FromSystem(address.Address), address.PrefixLength);

    static string[] Lines(string file)
    {
        try
        {
            return File.ReadAllLines(file);
        }
        catch (IOException)
        {
            return [];
        }
    }
}
