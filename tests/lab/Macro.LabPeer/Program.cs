using System.Globalization;
using System.Net;
using Macro.LabPeer;
using Microsoft.Extensions.Hosting;

switch (args)
{
    case ["serve", var http, var udp]:
        var site = await WebServer.StartAsync(new IPEndPoint(IPAddress.IPv6Any, Number(http))).ConfigureAwait(false);
        await Task.WhenAny(site.WaitForShutdownAsync(), UdpEcho.ServeAsync(new IPEndPoint(IPAddress.IPv6Any, Number(udp)))).Unwrap().ConfigureAwait(false);
        return 0;

    case ["demo", var address, var http, var https, var udp, var dns, .. var resolver]:
        var here = IPAddress.Parse(address);
        // Who is told the name finds the server.
        var demo = await WebServer.StartAsync(new IPEndPoint(here, Number(http)), new IPEndPoint(here, Number(https))).ConfigureAwait(false);
        await Task.WhenAny(
            demo.WaitForShutdownAsync(),
            UdpEcho.ServeAsync(new IPEndPoint(here, Number(udp))),
            DnsServer.RunAsync(new IPEndPoint(here, Number(dns)), here, resolver is [var next, ..] ? new IPEndPoint(IPAddress.Parse(next), 53) : null)).Unwrap().ConfigureAwait(false);
        return 0;

    case ["check", var target, var http, var udp, var count, var client, .. var others]:
        return await Check.RunAsync(client, others, IPAddress.Parse(target), Number(http), Number(udp), long.Parse(count, CultureInfo.InvariantCulture)).ConfigureAwait(false);

    case ["resolve", var resolver, var name]:
        return await Check.ResolveAsync(IPEndPoint.Parse(resolver), name).ConfigureAwait(false);

    case ["socks-echo", var proxy, var target, var count, var size]:
        return await UdpEcho.AskThroughAsync(IPEndPoint.Parse(proxy), IPEndPoint.Parse(target), Number(count), Number(size)).ConfigureAwait(false);

    case ["socks-crowd", var proxy, var name, var port, var count, var size]:
        return await new SocksCrowd(IPEndPoint.Parse(proxy), name, Number(port), Number(count), Number(size)).RunAsync().ConfigureAwait(false);

    case ["bytes", var count]:
        {
            using var output = Console.OpenStandardOutput();
            await ByteStream.WriteAsync(output, long.Parse(count, CultureInfo.InvariantCulture)).ConfigureAwait(false);
            return 0;
        }

    case ["sha256", var count]:
        Console.WriteLine(ByteStream.Sha256(long.Parse(count, CultureInfo.InvariantCulture)));
        return 0;

    case ["echo", var address, var port, var count, var size]:
        return await UdpEcho.AskAsync(new IPEndPoint(IPAddress.Parse(address), Number(port)), Number(count), Number(size)).ConfigureAwait(false);

    case ["garbage", var address, var port, var count, var seed, var perSecond, var capture]:
        return await Garbage.ThrowAsync(new IPEndPoint(IPAddress.Parse(address), Number(port)), Number(count), Number(seed), Number(perSecond), capture).ConfigureAwait(false);

    default:
        await Console.Error.WriteLineAsync(
            """
            lab-peer serve HTTP_PORT UDP_PORT      GET /bytes/N, PUT /upload, GET /whoami; UDP echo; IPv4 and IPv6
            lab-peer demo ADDRESS HTTP_PORT HTTPS_PORT UDP_PORT DNS_PORT [RESOLVER]
                                                   the same at one address, with HTTPS, and DNS for macro.example; other
                                                   names are asked of the resolver
            lab-peer check ADDRESS HTTP_PORT UDP_PORT BYTES CLIENT_SOCKET NODE_SOCKET...
                                                   checks a network through its client, prints one line of JSON
            lab-peer resolve RESOLVER NAME         prints the IPv4 address of a name
            lab-peer socks-echo PROXY TARGET COUNT SIZE
                                                   echo by SOCKS5 UDP ASSOCIATE
            lab-peer socks-crowd PROXY NAME PORT COUNT BYTES
                                                   connections through a SOCKS5 proxy, all at once; each fetches /bytes/N
            lab-peer bytes N                       writes the stream that /bytes/N answers
            lab-peer sha256 N                      its SHA-256
            lab-peer echo ADDRESS PORT COUNT SIZE  sends datagrams to a UDP echo and prints {"sent","received"}
            lab-peer garbage ADDRESS PORT COUNT SEED PER_SECOND PCAP
                                                   sends random datagrams and mutations of the captured ones
            """).ConfigureAwait(false);
        return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
