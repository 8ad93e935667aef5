using System.Diagnostics;
using Macro.Core;

namespace Macro.Linux.Tests;

/// <summary>Another process of this program that installs kernel state and waits to be killed.</summary>
sealed class Victim : IDisposable
{
    internal const string Role = "MACRO_TEST_VICTIM";

    readonly Process _process;

    Victim(Process process) => _process = process;

    internal static Victim Start(string role)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
        foreach (var argument in File.ReadAllText("/proc/self/cmdline").Split('\0')[1..^1].Where(word => word.EndsWith(".dll", StringComparison.Ordinal)))
            start.ArgumentList.Add(argument);
        start.Environment[Role] = role;
        var process = Process.Start(start)!;
        Assert.Equal("ready", process.StandardOutput.ReadLine());
        return new Victim(process);
    }

    internal static void Play(string role)
    {
        var tun = TunDevice.Create("victim0");
        var network = new NetworkConfig(tun.Name);
        network.AddAddress(IpAddress.Parse("100.64.0.2"), 32);
        network.AddAddress(IpAddress.Parse("fd6d::2"), 128);
        network.Up();
        object state = role == "exit"
            ? ExitGateway.Install(tun.Name, [Prefix.Parse("100.64.0.0/10")])
            : (ClientRoutes.Install(tun.Name), KillSwitch.Install(tun.Name, 7));
        Console.WriteLine("ready");
        Thread.Sleep(Timeout.Infinite);
        GC.KeepAlive(state);
        GC.KeepAlive(tun);
    }

    /// <summary>SIGKILL, and waits until the kernel has taken it away.</summary>
    public void Dispose()
    {
        _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
    }
}
