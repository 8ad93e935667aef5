using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Settings;
using Macro.Linux;

namespace Macro.Daemon.Devices;

/// <summary>
/// The exit's end: a TUN device that owns the address pool, and the kernel's NAT behind it. Disposing takes all of it back.
/// </summary>
sealed class ExitDevice : IDisposable
{
    readonly ExitGateway _gateway;

    ExitDevice(TunDevice tun, ExitGateway gateway, ExitLeases leases, ExitPolicy policy) =>
        (Tun, _gateway, Leases, Policy) = (tun, gateway, leases, policy);

    public TunDevice Tun { get; }

    public ExitLeases Leases { get; }

    public ExitPolicy Policy { get; }

    /// <param name="announced">Endpoints of this node's descriptor: its own addresses, too, when a NAT stands before it.</param>
    /// <param name="mark">Firewall mark that keeps what leaves here out of this node's own circuit.</param>
    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public static ExitDevice Open(ExitSection settings, IEnumerable<Endpoint> announced, uint mark)
    {
        var pool = new AddressPool<ExitLease>(settings.PoolV4, settings.PoolV6);
        var tun = TunDevice.Create(settings.Device, new TunOptions { Mtu = CircuitMtu.Inner });
        try
        {
            var network = new NetworkConfig(tun.Name);
            network.AddAddress(pool.Gateway.V4, settings.PoolV4.Length);
            var hasV6 = Directory.Exists("/proc/sys/net/ipv6");
            if (hasV6)
                network.AddAddress(pool.Gateway.V6, settings.PoolV6.Length);
            network.Up();
            var gateway = ExitGateway.Install(tun.Name, hasV6 ? [settings.PoolV4, settings.PoolV6] : [settings.PoolV4], mark);
            // A policy of the operator's own names exceptions; what it does not name is allowed.
            var policy = new ExitPolicy(
                [.. settings.Policy, ExitPolicy.AcceptAll],
                Local.Addresses().Concat(announced.Select(e => e.Address)),
                settings.AllowPrivate);
            return new ExitDevice(tun, gateway, new ExitLeases(pool), policy);
        }
        catch
        {
            tun.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _gateway.Dispose();
        Tun.Dispose();
    }
}
