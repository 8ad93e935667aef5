using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Linux;
using Macro.Pump;

namespace Macro.Daemon.Devices;

/// <summary>
/// What an exit opens on this machine: a TUN device with the kernel's NAT, or, without the right to that, a TCP/IP stack
/// with ordinary sockets. One call at a time.
/// </summary>
sealed class ExitSide(NodeSettings settings, NodeThreads threads, uint mark) : IDisposable
{
    ExitDevice? _device;
    PumpThread? _pump;

    public static bool UsesKernel(NodeSettings settings) => settings.Exit.Mode switch
    {
        ExitMode.Auto => Machine.MayConfigureNetworks && Machine.HasTun,
        ExitMode.Kernel => true,
        ExitMode.User => false,
    };

    public bool IsOpen => Leases is not null;

    public ExitLeases? Leases { get; private set; }

    public TunDevice? Tun => _device?.Tun;

    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public void Open()
    {
        if (IsOpen)
            return;
        var leases = new ExitLeases(new AddressPool<ExitLease>(settings.Exit.PoolV4, settings.Exit.PoolV6));
        // A policy of the operator's own names exceptions; what it does not name is allowed.
        var policy = new ExitPolicy(
            [.. settings.Exit.Policy, ExitPolicy.AcceptAll],
            Local.Addresses().Concat(settings.Relay.Endpoints.Select(e => e.Address)),
            settings.Exit.AllowPrivate);
        if (UsesKernel(settings))
        {
            _device = ExitDevice.Open(settings.Exit, mark);
            _pump = threads.Attach(_device.Tun, leases, policy);
        }
        Leases = leases;
    }

    public void Close()
    {
        _device?.Dispose();
        _pump?.Join();
        (_device, _pump, Leases) = (null, null, null);
    }

    public void Dispose() => Close();
}
