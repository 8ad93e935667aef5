using System.Net.NetworkInformation;
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
}
