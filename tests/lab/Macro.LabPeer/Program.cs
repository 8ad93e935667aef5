using System.Globalization;
using System.Net;
using Macro.LabPeer;

switch (args)
{
    case ["serve", var http, var udp]:
        await Task.WhenAll(WebServer.RunAsync(Number(http)), UdpEcho.ServeAsync(Number(udp))).ConfigureAwait(false);
        return 0;

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
            lab-peer bytes N                       writes the stream that /bytes/N answers
            lab-peer sha256 N                      its SHA-256
            lab-peer echo ADDRESS PORT COUNT SIZE  sends datagrams to a UDP echo and prints {"sent","received"}
            lab-peer garbage ADDRESS PORT COUNT SEED PER_SECOND PCAP
                                                   sends random datagrams and mutations of the captured ones
            """).ConfigureAwait(false);
        return 2;
}

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
