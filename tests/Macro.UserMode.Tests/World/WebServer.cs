using System.Net.Sockets;
using System.Text;

namespace Macro.UserMode.Tests;

/// <summary>A web server that answers one request as it is told, and keeps what it was asked.</summary>
sealed class WebServer : IDisposable
{
    readonly Server _server;

    /// <param name="answer">Makes the whole answer from the head and the body of the request.</param>
    internal WebServer(Func<string, byte[], byte[]> answer) => _server = new Server(async socket =>
    {
        var request = new List<byte>();
        var buffer = new byte[65536];
        int end;
        while ((end = Find(request)) < 0)
        {
            var count = await socket.ReceiveAsync(buffer);
            if (count == 0)
                return;
            request.AddRange(buffer[..count]);
        }
        var head = Encoding.ASCII.GetString([.. request[..end]]);
        if (head.Contains("Expect: 100-continue"))
            await socket.SendAsync(Encoding.ASCII.GetBytes("HTTP/1.1 100 Continue\r\n\r\n"));
        while (!IsWhole(head, request[end..]))
        {
            var count = await socket.ReceiveAsync(buffer);
            if (count == 0)
                break;
            request.AddRange(buffer[..count]);
        }
        lock (Heads)
            Heads.Add(head);
        await socket.SendAsync(answer(head, [.. request[end..]]));
        socket.Shutdown(SocketShutdown.Send);
        // Closing with bytes unread would send a reset.
        while (await socket.ReceiveAsync(buffer) > 0)
        {
        }
    });

    internal ushort Port => _server.Port;

    internal List<string> Heads { get; } = [];

    internal static byte[] Ok(string body) => Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}");

    public void Dispose() => _server.Dispose();

    static int Find(List<byte> bytes)
    {
        var at = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes).IndexOf("\r\n\r\n"u8);
        return at < 0 ? -1 : at + 4;
    }

    static bool IsWhole(string head, List<byte> body)
    {
        var length = head.Split("\r\n").FirstOrDefault(line => line.StartsWith("Content-Length: ", StringComparison.OrdinalIgnoreCase));
        if (length is not null)
            return body.Count >= int.Parse(length[16..]);
        return !head.Contains("Transfer-Encoding: chunked", StringComparison.OrdinalIgnoreCase)
            || Encoding.Latin1.GetString([.. body]).EndsWith("0\r\n\r\n", StringComparison.Ordinal);
    }
}
