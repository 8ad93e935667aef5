using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Pump;
using Macro.Daemon.Settings;
using Macro.Linux;
using Macro.NetStack;
using Macro.Pump;
using Macro.UserMode;

namespace Macro.Daemon.Devices;

/// <summary>
/// What an exit opens on this machine: a TUN device with the kernel's NAT, or, without the right to that, a TCP/IP stack
/// with ordinary sockets. One call at a time.
/// </summary>
sealed class ExitSide(NodeSettings settings, NodeThreads threads, uint mark) : IDisposable
{
    /// <summary>Bytes of TCP buffers for all connections of all sessions.</summary>
    const long Memory = 256 << 20;

    ExitDevice? _device;
    PumpThread? _pump;
    StackLoop? _loop;

    public static bool UsesKernel(NodeSettings settings) => settings.Exit.Mode switch
    {
        ExitMode.Auto => Machine.MayConfigureNetworks && Machine.HasTun,
        ExitMode.Kernel => true,
        ExitMode.User => false,
    };

    public ExitLeases? Leases { get; private set; }

    /// <summary>The exit's end in the kernel; null in user mode and while there is no exit.</summary>
    public ExitDevice? Device => _device;

    public TunDevice? Tun => _device?.Tun;

    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public void Open()
    {
        if (Leases is not null)
            return;
        var leases = new ExitLeases(new AddressPool<ExitLease>(settings.Exit.PoolV4, settings.Exit.PoolV6));
        var policy = new ExitPolicy(
            settings.Exit.Policy,
            Local.Addresses().Concat(settings.Relay.Endpoints.Select(e => e.Address)),
            settings.Exit.AllowPrivate);
        try
        {
            var stack = Host(leases, policy);
            OpenResolver(stack, leases, policy);
            if (UsesKernel(settings))
            {
                _device = ExitDevice.Open(settings.Exit, leases, mark);
                _pump = threads.ReadExit(_device.Tun, leases);
                threads.OpenExit(policy, _device.Tun.Write, stack.Write);
            }
            else
            {
                threads.OpenExit(policy, stack.Write, stack.Write);
            }
        }
        catch
        {
            Close();
            throw;
        }
        Leases = leases;
    }

    public void Close()
    {
        threads.CloseExit();
        _device?.Dispose();
        _pump?.Join();
        _loop?.Dispose();
        (_device, _pump, _loop, Leases) = (null, null, null, null);
    }

    public void Dispose() => Close();

    /// <summary>
    /// The stack that ends the sessions' packets: all of them, with ordinary sockets behind it, or those for the resolver when
    /// the kernel takes the others.
    /// </summary>
    HostedStack Host(ExitLeases leases, ExitPolicy policy)
    {
        var loop = _loop = new StackLoop("exit stack", threads.Clock, new TcpMemory(Memory));
        ExitPlane? plane = null;
        var stack = UsesKernel(settings) ? HostResolver() : HostExit();
        loop.Start();
        return stack;

        HostedStack HostResolver()
        {
            var options = new StackOptions { Addresses = [ExitResolver.Address.V4, ExitResolver.Address.V6], Mtu = CircuitMtu.Inner };
            return loop.Add(new Stack(options, loop.Memory, SystemRandom.Shared), Transmit, ExitPlane.Headroom, ExitPlane.Tailroom);
        }

        HostedStack HostExit()
        {
            var options = new UserModeExitOptions { Mtu = CircuitMtu.Inner, Mark = SocketMark, FarLoopback = settings.Network.Static || settings.Network.Local };
            var exit = UserModeExit.Start(
                loop, policy, address => leases.TryFind(address, out var lease) ? lease : null, options, SystemRandom.Shared,
                Transmit, ExitPlane.Headroom, ExitPlane.Tailroom);
            // Its flows must not outlive it: another session will have its addresses.
            leases.Returned = lease => loop.Post(() => exit.End(lease));
            return exit.Stack;
        }

        void Transmit(PacketBatch packets)
        {
            plane ??= threads.MakeExitPlane(leases, packets.Capacity);
            plane.Handle(packets, threads.Clock.Now);
            threads.SendBack(packets);
        }
    }

    void OpenResolver(HostedStack stack, ExitLeases leases, ExitPolicy policy) => ExitNameServer.Start(
        stack,
        address => leases.TryFind(address, out var lease) ? lease : null,
        new ExitNameServerOptions
        {
            Upstreams = settings.Exit.Resolvers.Count > 0 ? settings.Exit.Resolvers : ResolvConf.Read(),
            IsDenied = policy.Denies,
            Mark = SocketMark,
        },
        SystemRandom.Shared);

    uint SocketMark => Machine.MayConfigureNetworks ? mark : 0;
}
