using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace Macro.LabPeer;

/// <summary>
/// Many connections through a SOCKS5 proxy that stand at the same time (RFC 1928 4, the name resolved behind the proxy);
/// when all do, each fetches /bytes/N and looks whether it is whole.
/// </summary>
sealed class SocksCrowd(IPEndPoint proxy, string host, int port, int count, int bytes)
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    readonly TaskCompletionSource _allTried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    readonly SortedDictionary<string, int> _failures = new(StringComparer.Ordinal);
    readonly Lock _lock = new();
    int _tried, _connected, _answered;

    /// <summary>Prints {"asked","connected","answered","failures"}. Returns 0 when all were answered.</summary>
    public async Task<int> RunAsync()
    {
        using var patience = new CancellationTokenSource(s_patience);
        await Task.WhenAll(Enumerable.Range(0, count).Select(_ => FetchAsync(patience.Token))).ConfigureAwait(false);
        Console.WriteLine(JsonSerializer.Serialize(new { asked = count, connected = _connected, answered = _answered, failures = _failures }));
        return _answered == count ? 0 : 1;
    }

    async Task FetchAsync(CancellationToken cancel)
    {
        try
        {
            using var client = new TcpClient(proxy.AddressFamily);
            try
            {
                await ConnectAsync(client, cancel).ConfigureAwait(false);
                Interlocked.Increment(ref _connected);
            }
            finally
            {
                if (Interlocked.Increment(ref _tried) == count)
                    _allTried.SetResult();
            }
            await _allTried.Task.WaitAsync(cancel).ConfigureAwait(false);
            if (!await IsWholeAsync(client.GetStream(), cancel).ConfigureAwait(false))
                throw new IOException("The answer was not whole.");
            Interlocked.Increment(ref _answered);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            lock (_lock)
                _failures[e.Message] = _failures.GetValueOrDefault(e.Message) + 1;
        }
    }

    async Task ConnectAsync(TcpClient client, CancellationToken cancel)
    {
        await client.ConnectAsync(proxy, cancel).ConfigureAwait(false);
        var stream = client.GetStream();
        await SocksUdp.GreetAsync(stream, user: null, cancel).ConfigureAwait(false);
        await stream.WriteAsync((byte[])[5, 1, 0, 3, (byte)host.Length, .. Encoding.ASCII.GetBytes(host), (byte)(port >> 8), (byte)port], cancel).ConfigureAwait(false);
        // Version, code, reserved, and an address of four bytes with its type and port.
        var answer = new byte[10];
        await stream.ReadExactlyAsync(answer, cancel).ConfigureAwait(false);
        if (answer[1] != 0)
            throw new IOException($"The proxy answered {answer[1]} to CONNECT.");
    }

    async Task<bool> IsWholeAsync(NetworkStream stream, CancellationToken cancel)
    {
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET /bytes/{bytes} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"), cancel).ConfigureAwait(false);
        using var answer = new MemoryStream();
        await stream.CopyToAsync(answer, cancel).ConfigureAwait(false);
        using var expected = new MemoryStream();
        await ByteStream.WriteAsync(expected, bytes).ConfigureAwait(false);
        return answer.GetBuffer().AsSpan(0, (int)answer.Length).EndsWith(expected.GetBuffer().AsSpan(0, bytes));
    }
}
