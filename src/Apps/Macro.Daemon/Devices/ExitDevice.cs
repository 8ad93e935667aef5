using Macro.Circuits;
using Macro.Daemon.Settings;
using Macro.Linux;

namespace Macro.Daemon.Devices;

/// <summary>
/// The exit's end in the kernel: a TUN device that owns the address pool, and NAT behind it. What the kernel still remembers
/// of clients that left is forgotten before others get their addresses. Disposing takes all of it back.
/// </summary>
sealed class ExitDevice : IDisposable
{
    /// <summary>Twice while a returned pair of addresses rests: at the first time something may still have been on its way.</summary>
    static readonly TimeSpan s_betweenForgetting = AddressPool<ExitLease>.DefaultQuarantine / 2;

    readonly ExitGateway _gateway;
    readonly ExitLeases _leases;
    readonly Timer _forgetting;

    ExitDevice(TunDevice tun, ExitGateway gateway, ExitLeases leases)
    {
        (Tun, _gateway, _leases) = (tun, gateway, leases);
        // Those of an earlier run, too: nobody has an address yet.
        Forget();
        _forgetting = new Timer(_ => Forget(), null, s_betweenForgetting, s_betweenForgetting);
    }

    public TunDevice Tun { get; }

    /// <summary>Why the kernel still remembers connections of clients that left; null: it does not.</summary>
    public string? Remembered { get; private set; }

    /// <param name="leases">Who has which address; none yet.</param>
    /// <param name="mark">Firewall mark that keeps what leaves here out of this node's own circuit.</param>
    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public static ExitDevice Open(ExitSection settings, ExitLeases leases, uint mark)
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
            return new ExitDevice(tun, ExitGateway.Install(tun.Name, hasV6 ? [settings.PoolV4, settings.PoolV6] : [settings.PoolV4], mark), leases);
        }
        catch
        {
            tun.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // It must not go on with leases that are void: the next device has others with the same addresses.
        using var ended = new ManualResetEvent(false);
        if (_forgetting.Dispose(ended))
            ended.WaitOne();
        _gateway.Dispose();
        Tun.Dispose();
    }

    void Forget()
    {
        try
        {
            _gateway.ForgetConnections(address => _leases.TryFind(address, out _));
            Remembered = null;
        }
        catch (LinuxException e)
        {
            Remembered = e.Message;
        }
    }
}
