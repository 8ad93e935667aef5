using System.Globalization;
using System.Net;
using Macro.Core;
using Macro.StackPeer;

switch (args)
{
    case ["serve", var port]:
        KernelServer.Run(ushort.Parse(port, CultureInfo.InvariantCulture));
        return 0;

    case ["kernel", var server, var way, var seconds]:
        Print(KernelClient.Run(IPEndPoint.Parse(server), Way(way), Seconds(seconds)));
        return 0;

    case ["stack", var tun, var address, var server, var way, var seconds]:
        using (var host = new StackHost(tun, IpAddress.Parse(address)))
        {
            Print(Transfer.Run(host, Endpoint.Parse(server), Way(way), Seconds(seconds)));
            return 0;
        }

    case ["crowd", var tun, var address, var server, var count, var megabytes]:
        using (var host = new StackHost(tun, IpAddress.Parse(address), long.Parse(megabytes, CultureInfo.InvariantCulture) << 20))
        {
            Console.WriteLine(Crowd.Run(host, Endpoint.Parse(server), int.Parse(count, CultureInfo.InvariantCulture)));
            return 0;
        }

    default:
        Console.Error.WriteLine(
            """
            stack-peer serve PORT                                     the kernel's TCP: takes, sends or echoes what a client asks for
            stack-peer kernel SERVER up|down SECONDS                  one stream of the kernel's TCP; prints Mbit/s
            stack-peer stack TUN ADDRESS SERVER up|down SECONDS       one stream of our TCP
            stack-peer crowd TUN ADDRESS SERVER COUNT MEGABYTES       many connections of our TCP at once within a budget; prints JSON
            """);
        return 2;
}

static char Way(string text) => text == "up" ? Protocol.Up : Protocol.Down;

static TimeSpan Seconds(string text) => TimeSpan.FromSeconds(double.Parse(text, CultureInfo.InvariantCulture));

static void Print(double megabits) => Console.WriteLine(megabits.ToString("F2", CultureInfo.InvariantCulture));
