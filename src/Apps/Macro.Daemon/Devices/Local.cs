using System.Net.NetworkInformation;
using Macro.Core;
using Macro.Daemon.Settings;

namespace Macro.Daemon.Devices;

/// <summary>This machine on its networks.</summary>
static class Local
{
    /// <summary>Addresses of all its network cards, as they are now.</summary>
    public static IEnumerable<IpAddress> Addresses() => AddressesOf(NetworkInterface.GetAllNetworkInterfaces());

    /// <summary>Those by which others may see it: not the loopback's, none of one link only, and not those of this node's own devices.</summary>
    public static IEnumerable<IpAddress> OutsideAddresses(NodeSettings settings) =>
        AddressesOf(NetworkInterface.GetAllNetworkInterfaces().Where(card => card.Name != settings.Client.Device && card.Name != settings.Exit.Device))
            .Where(address => address != IpAddress.V4Loopback && address != IpAddress.V6Loopback && (address.IsV4 || address.Bits >> 118 != 0xfe80 >> 6));

    static IEnumerable<IpAddress> AddressesOf(IEnumerable<NetworkInterface> cards) =>
        from card in cards
        from address in card.GetIPProperties().UnicastAddresses
        select IpAddress.FromSystem(address.Address);
}
