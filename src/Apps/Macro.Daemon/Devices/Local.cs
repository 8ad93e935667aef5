using System.Net.NetworkInformation;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Daemon.Devices;

/// <summary>This machine on its networks.</summary>
static class Local
{
    /// <summary>Addresses of all its network cards, as they are now.</summary>
    public static IEnumerable<IpAddress> Addresses() =>
        from card in NetworkInterface.GetAllNetworkInterfaces()
        from address in card.GetIPProperties().UnicastAddresses
        select IpAddress.FromSystem(address.Address);

    /// <summary>Those by which others may see it: not the loopback's, none of one link only, and not those inside a circuit.</summary>
    public static IEnumerable<IpAddress> OutsideAddresses() => Addresses().Where(address =>
        address != IpAddress.V4Loopback && address != IpAddress.V6Loopback && address != AddressPair.Inner.OfFamily(address.IsV4)
        && (address.IsV4 || address.Bits >> 118 != 0xfe80 >> 6));
}
