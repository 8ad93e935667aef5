using System.Globalization;

namespace Macro.Bench;

/// <summary>What ./bench measures in process, and the flood that it sends. Results: lines of measure and number, separated by a tab.</summary>
static class Program
{
    static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["sessions", var count]:
                Sessions.Run(int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["handshakes", var count]:
                Handshakes.Run(int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["peers", var count]:
                Flood.PrintPeers(int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["flood", var target, var key, var rate, var count]:
                Flood.Run(target, key, int.Parse(rate, CultureInfo.InvariantCulture), int.Parse(count, CultureInfo.InvariantCulture));
                return 0;
            case ["flood-of-strangers", var target, var key, var rate, var seconds]:
                Flood.RunStrangers(target, key, int.Parse(rate, CultureInfo.InvariantCulture), int.Parse(seconds, CultureInfo.InvariantCulture));
                return 0;
            case ["tun-exit", var name, var mtu, ("offload" or "plain") and var device]:
                TunExit.Run(name, int.Parse(mtu, CultureInfo.InvariantCulture), device == "offload");
                return 0;
            case ["accept", var port]:
                Connections.Serve(int.Parse(port, CultureInfo.InvariantCulture));
                return 0;
            case ["connect", var target, var atOnce, var seconds]:
                Connections.Run(target, int.Parse(atOnce, CultureInfo.InvariantCulture), double.Parse(seconds, CultureInfo.InvariantCulture));
                return 0;
            case var _:
                Console.Error.WriteLine("Usage: macro-bench sessions N | handshakes N | peers N | flood ENDPOINT KEY RATE N | flood-of-strangers ENDPOINT KEY RATE SECONDS | tun-exit NAME MTU offload|plain | accept PORT | connect ENDPOINT N SECONDS");
                return 2;
        }
    }

    public static void Report(string measure, double value) =>
        Console.WriteLine($"{measure}\t{value.ToString("F1", CultureInfo.InvariantCulture)}");
}
