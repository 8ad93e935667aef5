using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;
using Macro.UserMode;

namespace Macro.Bench;

/// <summary>
/// The user-mode exit behind a TUN device, where in the product the sessions of clients are: what slirp4netns is for a network
/// namespace. The device is made here and moved to the namespace that is to use it.
/// </summary>
static class TunExit
{
    /// <param name="offload">The kernel passes large segments whole and takes them so; else packets of the MTU, as sessions bring them.</param>
    public static void Run(string name, int mtu, bool offload)
    {
        using var tun = TunDevice.Create(name, new TunOptions { Mtu = mtu, Offload = offload });
        using var loop = new StackLoop("exit", new BootClock(), new TcpMemory(512 << 20));
        var session = new object();
        var options = new UserModeExitOptions
        {
            Mtu = mtu,
            MaxConnectionsPerSession = 16384,
            NewFlowsPerSecond = 1_000_000,
        };
        var policy = new ExitPolicy([ExitPolicy.AcceptAll], []);
        var exit = UserModeExit.Start(loop, policy, _ => session, options, SystemRandom.Shared, tun.Write, 0, 0);
        loop.Start();
        Console.WriteLine("ready");
        var batch = new PacketBatch(1 << 18, 256);
        while (tun.Read(batch, 0, 0))
            exit.Stack.Write(batch);
    }
}
