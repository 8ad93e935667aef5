using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Macro.Api;

namespace Macro.LabPeer;

/// <summary>
/// Checks a private network from the client's place: asks each node what it is, then fetches, sends, echoes and resolves
/// through the client's proxy and resolver. Prints one line of JSON; 0 when everything held.
/// </summary>
static class Check
{
    const int Datagrams = 100, DatagramSize = 1000;

    /// <param name="client">API socket of the client.</param>
    /// <param name="others">API sockets of the other nodes.</param>
    /// <param name="demo">Address of the demo's server.</param>
    public static async Task<int> RunAsync(string client, string[] others, IPAddress demo, int http, int echo, long bytes)
    {
        var clock = Stopwatch.StartNew();
        var report = new JsonObject { ["ok"] = false };
        try
        {
            using var api = new NodeClient(client);
            var status = await api.StatusAsync().ConfigureAwait(false);
            var rootless = status.Rootless;
            foreach (var other in others)
            {
                using var node = new NodeClient(other);
                rootless &= (await node.StatusAsync().ConfigureAwait(false)).Rootless;
            }
            report["rootless"] = rootless;
            report["nodes"] = 1 + others.Length;
            var network = await api.NetworkStatusAsync().ConfigureAwait(false);
            report["network"] = network.Kind.ToString().ToLowerInvariant();
            report["foundBy"] = network.FoundBy?.ToString().ToLowerInvariant();
            report["relaysKnown"] = network.Relays;
            report["coldStartMs"] = network.FirstCircuitMs;
            report["hops"] = status.Hops;
            report["circuit"] = new JsonArray([.. (await api.CircuitAsync().ConfigureAwait(false)).Hops.Select(hop => (JsonNode)hop.Region)]);

            var proxy = IPEndPoint.Parse(status.Proxy ?? throw new IOException("The proxy does not listen."));
            var resolver = IPEndPoint.Parse(status.Dns ?? throw new IOException("The resolver does not listen."));
            var name = "web." + DnsServer.Zone;
            report["dns"] = (await AskAsync(resolver, name).ConfigureAwait(false)).Equals(demo);
            var down = await DownAsync(proxy, $"http://{name}:{http}", bytes).ConfigureAwait(false);
            var up = await UpAsync(proxy, $"http://{name}:{http}", bytes).ConfigureAwait(false);
            report["bytesDown"] = bytes;
            report["bytesUp"] = bytes;
            report["downMbitPerSecond"] = Rate(bytes, down.Seconds);
            report["upMbitPerSecond"] = Rate(bytes, up.Seconds);
            report["sha256"] = down.Matches && up.Matches;
            report["tcp"] = down.Matches && up.Matches;
            report["udp"] = await EchoAsync(proxy, new IPEndPoint(demo, echo)).ConfigureAwait(false);
            report["ok"] = rootless && status.Hops == 3 && new[] { "dns", "tcp", "udp" }.All(key => (bool)report[key]!);
        }
        catch (Exception e) when (e is IOException or SocketException or HttpRequestException or OperationCanceledException or NodeException)
        {
            report["error"] = e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message;
        }
        report["seconds"] = Math.Round(clock.Elapsed.TotalSeconds, 3);
        Console.WriteLine(report.ToJsonString());
        return (bool)report["ok"]! ? 0 : 1;
    }

    /// <summary>Prints the IPv4 address of a name. Returns 0 when there is one.</summary>
    public static async Task<int> ResolveAsync(IPEndPoint resolver, string name)
    {
        try
        {
            Console.WriteLine(await AskAsync(resolver, name).ConfigureAwait(false));
            return 0;
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
            return 1;
        }
    }

    static async Task<IPAddress> AskAsync(IPEndPoint resolver, string name)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var socket = new Socket(resolver.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        await socket.ConnectAsync(resolver, patience.Token).ConfigureAwait(false);
        byte[] query =
        [
            0x4d, 0x56, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
            .. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. System.Text.Encoding.ASCII.GetBytes(label)]), 0,
            0, 1, 0, 1,
        ];
        await socket.SendAsync(query, patience.Token).ConfigureAwait(false);
        var buffer = new byte[1500];
        var length = await socket.ReceiveAsync(buffer, patience.Token).ConfigureAwait(false);
        // The one address is the last record; an OPT record may follow it.
        var answer = buffer.AsSpan(0, length);
        if (length < query.Length + 16 || (answer[3] & 15) != 0 || BinaryPrimitives.ReadUInt16BigEndian(answer[6..]) == 0)
            throw new IOException($"The resolver has no address for {name} (code {answer[3] & 15}, {length} bytes).");
        var record = answer[query.Length..];
        // A compressed name has two bytes, the whole one as many as in the question.
        var nameLength = record[0] >= 0xc0 ? 2 : name.Length + 2;
        return new IPAddress(record.Slice(nameLength + 10, 4));
    }

    static async Task<(bool Matches, double Seconds)> DownAsync(IPEndPoint proxy, string site, long bytes)
    {
        using var http = Client(proxy);
        var clock = Stopwatch.StartNew();
        using var response = await http.GetAsync(new Uri($"{site}/bytes/{bytes}"), HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
        using var body = await response.Content.ReadAsStreamAsync().ConfigureAwait(false);
        var digest = Convert.ToHexStringLower(await System.Security.Cryptography.SHA256.HashDataAsync(body).ConfigureAwait(false));
        return (digest == ByteStream.Sha256(bytes), clock.Elapsed.TotalSeconds);
    }

    static async Task<(bool Matches, double Seconds)> UpAsync(IPEndPoint proxy, string site, long bytes)
    {
        using var http = Client(proxy);
        using var content = new Upload(bytes);
        var clock = Stopwatch.StartNew();
        using var response = await http.PutAsync(new Uri($"{site}/upload"), content).ConfigureAwait(false);
        var seconds = clock.Elapsed.TotalSeconds;
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync().ConfigureAwait(false))!;
        return ((long)answer["length"]! == bytes && (string)answer["sha256"]! == ByteStream.Sha256(bytes), seconds);
    }

    static async Task<bool> EchoAsync(IPEndPoint proxy, IPEndPoint echo)
    {
        using var udp = await SocksUdp.OpenAsync(proxy, echo).ConfigureAwait(false);
        return await UdpEcho.ExchangeAsync(udp.SendAsync, udp.ReceiveAsync, Datagrams, DatagramSize).ConfigureAwait(false) == Datagrams;
    }

    // The name goes to the proxy as it is: .NET does not resolve for a SOCKS5 proxy.
    static HttpClient Client(IPEndPoint proxy)
    {
        var handler = new SocketsHttpHandler { Proxy = new WebProxy($"socks5://{proxy}"), UseProxy = true, ConnectTimeout = TimeSpan.FromSeconds(60) };
        return new HttpClient(handler) { Timeout = TimeSpan.FromMinutes(3) };
    }

    static double Rate(long bytes, double seconds) => Math.Round(bytes * 8 / 1e6 / seconds, 1);

    sealed class Upload(long bytes) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => ByteStream.WriteAsync(stream, bytes);

        protected override bool TryComputeLength(out long length)
        {
            length = bytes;
            return true;
        }
    }
}
