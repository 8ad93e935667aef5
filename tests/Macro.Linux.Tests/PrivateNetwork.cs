using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Macro.Linux.Tests;

/// <summary>
/// The tests run in a network namespace of their own, so that they can do what they like with links, routes and firewall:
/// the program starts itself again under "unshare --net" before anything else happens.
/// </summary>
static class PrivateNetwork
{
    const string Mark = "MACRO_TEST_NETWORK";

    [ModuleInitializer]
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Usage", "CA2255", Justification = "Must come before the test runner starts threads.")]
    internal static void Enter()
    {
        if (Environment.GetEnvironmentVariable(Victim.Role) is { } role)
            Victim.Play(role);
        if (Missing() is not null)
            return;
        if (Environment.GetEnvironmentVariable(Mark) is not null)
        {
            Shell("ip link set lo up");
            return;
        }
        // The C library's environment is its own: what the runtime sets must be handed on by hand.
        string?[] command = ["env", $"{Mark}=private", "unshare", "--net", Environment.ProcessPath!, .. File.ReadAllText("/proc/self/cmdline").Split('\0')[1..^1], null];
        _ = Execute("env", command);
        throw new InvalidOperationException("Cannot start again under unshare --net.");
    }

    /// <summary>Skips the test, with the reason, where the machine does not allow it.</summary>
    internal static void Require()
    {
        if (Missing() is { } reason)
            Assert.Skip(reason);
        Assert.Equal("private", Environment.GetEnvironmentVariable(Mark));
    }

    /// <summary>Runs a command line and returns what it printed; fails the test when it fails.</summary>
    internal static string Shell(string command)
    {
        var (exitCode, output) = TryShell(command);
        Assert.True(exitCode == 0, $"{command}: {output}");
        return output;
    }

    internal static (int ExitCode, string Output) TryShell(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", command + " 2>&1"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    static string? Missing() =>
        !Environment.IsPrivilegedProcess ? "Needs root: makes network namespaces and TUN devices."
        : !File.Exists("/dev/net/tun") ? "Needs /dev/net/tun."
        : new[] { "unshare", "ip", "nft", "ping", "iperf3" }.FirstOrDefault(tool => !Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, tool)))) is { } tool
            ? $"Needs the program '{tool}'."
        : null;

    [DllImport("libc", EntryPoint = "execvp", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    static extern int Execute(string file, string?[] arguments);
}
