using System.Globalization;

namespace Macro.Sim;

/// <summary>What an experiment costs the machine that it runs on.</summary>
static class Machine
{
    /// <summary>Most resident memory of this process so far.</summary>
    public static long PeakMegabytes()
    {
        var line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }

    public static double CpuSeconds() => Environment.CpuUsage.TotalTime.TotalSeconds;

    /// <summary>What is really held, after a full collection.</summary>
    public static long HeapBytes() => GC.GetTotalMemory(forceFullCollection: true);
}
