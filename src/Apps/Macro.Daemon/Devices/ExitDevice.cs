using Macro.Circuits;
using Macro.Daemon.Settings;
using Macro.Linux;

namespace Macro.Daemon.Devices;

/// <summary>
/// The exit's end in the kernel: a TUN device that owns the address pool, and NAT behind it. Disposing takes all of it back.
/// </summary>
sealed class ExitDevice : IDisposable
{
    readonly ExitGateway _gateway;

    ExitDevice(TunDevice tun, ExitGateway gateway) => (Tun, _gateway) = (tun, gateway);

    public TunDevice Tun { get; }

    /// <param name="mark">Firewall mark that keeps what leaves here out of this node's own circuit.</param>
    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public static ExitDevice Open(ExitSection settings, uint mark)
    {
        var gateway = new AddressPool<ExitLease>(settings.PoolV4, settings.PoolV6).Gateway;
        var tun = TunDevice.Create(settings.Device, new TunOptions { Mtu = CircuitMtu.Inner });
        try
        {
            var network = new NetworkConfig(tun.Name);
            network.AddAddress(gateway.V4, settings.PoolV4.Length);
            var hasV6 = Machine.HasV6;
            if (hasV6)
                network.AddAddress(gateway.V6, settings.PoolV6.Length);
            network.Up();
            return new ExitDevice(tun, ExitGateway.Install(tun.Name, hasV6 ? [settings.PoolV4, settings.PoolV6] : [settings.PoolV4], mark));
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
