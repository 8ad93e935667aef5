using Macro.Core;

namespace Macro.Linux;

/// <summary>Addresses, state and plain routes of one interface. All of it goes when the interface goes.</summary>
public sealed class NetworkConfig(string interfaceName)
{
    public string InterfaceName { get; } = interfaceName;

    /// <summary>Gives the interface an address; the length says which neighbours are reached directly. Twice is once.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void AddAddress(IpAddress address, int prefixLength)
    {
        // Duplicate address detection has no sense on a TUN device, and would hold the address back for a second.
        var line = $"address replace {address}/{prefixLength} dev {InterfaceName}" + (address.IsV4 ? "" : " nodad");
        IpCommand.Batch(address.IsV6, line);
    }

    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Up() => IpCommand.Batch(v6: false, $"link set dev {InterfaceName} up");

    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void Down() => IpCommand.Batch(v6: false, $"link set dev {InterfaceName} down");

    /// <summary>Sends a prefix to the interface in the main table.</summary>
    /// <exception cref="LinuxException">The kernel refused, for one because the interface is down.</exception>
    public void AddRoute(Prefix prefix) =>
        IpCommand.Batch(!prefix.IsV4, $"route replace {prefix} dev {InterfaceName} proto {IpCommand.Protocol}");
}
