using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Macro.LabPeer;

/// <summary>
/// The authority for the demo's zone: every name in it has the one address, and nothing else is in "example". Questions for
/// other names go on, unread, to another resolver; without one they are refused. UDP and TCP (RFC 1035, RFC 7766).
/// </summary>
static class DnsServer
{
    public const string Zone = "macro.example";
    const int Header = 12, TypeA = 1, TypeSoa = 6, Refused = 5, NoSuchName = 3;
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(4);

    public static async Task RunAsync(IPEndPoint local, IPAddress address, IPEndPoint? next) =>
        await Task.WhenAll(ServeDatagramsAsync(local, address, next), ServeStreamsAsync(local, address, next)).ConfigureAwait(false);

    static async Task ServeDatagramsAsync(IPEndPoint local, IPAddress address, IPEndPoint? next)
    {
        using var socket = new Socket(local.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(local);
        while (true)
        {
            var buffer = new byte[4096];
            var received = await socket.ReceiveFromAsync(buffer, new IPEndPoint(IPAddress.Any, 0)).ConfigureAwait(false);
            _ = AnswerAsync(buffer.AsMemory(0, received.ReceivedBytes), received.RemoteEndPoint);
        }

        async Task AnswerAsync(ReadOnlyMemory<byte> query, EndPoint asker)
        {
            if (await ResolveAsync(query, address, next, stream: false).ConfigureAwait(false) is { } answer)
                await socket.SendToAsync(answer, asker).ConfigureAwait(false);
        }
    }

    static async Task ServeStreamsAsync(IPEndPoint local, IPAddress address, IPEndPoint? next)
    {
        using var listener = new TcpListener(local);
        listener.Start();
        while (true)
            _ = ServeAsync(await listener.AcceptTcpClientAsync().ConfigureAwait(false));

        async Task ServeAsync(TcpClient client)
        {
            using (client)
            {
                try
                {
                    var stream = client.GetStream();
                    while (await ReadAsync(stream).ConfigureAwait(false) is { } query)
                        if (await ResolveAsync(query, address, next, stream: true).ConfigureAwait(false) is { } answer)
                            await WriteAsync(stream, answer).ConfigureAwait(false);
                }
                catch (IOException)
                {
                    // The asker went away.
                }
            }
        }
    }

    static async Task<byte[]?> ResolveAsync(ReadOnlyMemory<byte> query, IPAddress address, IPEndPoint? next, bool stream)
    {
        if (query.Length < Header || !TryReadQuestion(query.Span, out var name, out var type, out var end))
            return null;
        if (name == Zone || name.EndsWith("." + Zone, StringComparison.Ordinal))
            return Answer(query.Span[..end], type == TypeA ? address : null, 0);
        if (name.EndsWith(".example", StringComparison.Ordinal))
            return Answer(query.Span[..end], null, NoSuchName);
        if (next is null)
            return Answer(query.Span[..end], null, Refused);
        try
        {
            return await PassOnAsync(query, next, stream).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or IOException)
        {
            return Answer(query.Span[..end], null, Refused);
        }
    }

    static bool TryReadQuestion(ReadOnlySpan<byte> query, out string name, out int type, out int end)
    {
        (name, type, end) = ("", 0, Header);
        var labels = new List<string>();
        while (end < query.Length && query[end] is > 0 and < 64 and var length && end + 1 + length < query.Length)
        {
            labels.Add(Encoding.ASCII.GetString(query.Slice(end + 1, length)));
            end += 1 + length;
        }
        if (end + 5 > query.Length || query[end] != 0 || BinaryPrimitives.ReadUInt16BigEndian(query[4..]) != 1)
            return false;
        (name, type) = (string.Join('.', labels).ToLowerInvariant(), BinaryPrimitives.ReadUInt16BigEndian(query[(end + 1)..]));
        end += 5;
        return true;
    }

    /// <summary>The question with one address, or with the zone's SOA where there is none.</summary>
    static byte[] Answer(ReadOnlySpan<byte> question, IPAddress? address, int code)
    {
        var answer = new List<byte>(question.ToArray());
        (answer[2], answer[3]) = ((byte)(0x84 | (question[2] & 1)), (byte)(0x80 | code));
        for (var i = 6; i < Header; i++)
            answer[i] = 0;
        if (address is not null)
        {
            answer[7] = 1;
            // The name: where it stands in the question. Type, class, 30 s to live.
            answer.AddRange([0xc0, Header, 0, TypeA, 0, 1, 0, 0, 0, 30, 0, 4, .. address.GetAddressBytes()]);
        }
        else if (code != Refused)
        {
            answer[9] = 1;
            byte[] zone = [5, .. "macro"u8, 7, .. "example"u8, 0];
            answer.AddRange([.. zone, 0, TypeSoa, 0, 1, 0, 0, 0, 30, 0, 22, 0, 0, .. new byte[16], 0, 0, 0, 30]);
        }
        return [.. answer];
    }

    static async Task<byte[]> PassOnAsync(ReadOnlyMemory<byte> query, IPEndPoint resolver, bool stream)
    {
        using var patience = new CancellationTokenSource(s_patience);
        using var socket = new Socket(resolver.AddressFamily, stream ? SocketType.Stream : SocketType.Dgram, stream ? ProtocolType.Tcp : ProtocolType.Udp);
        await socket.ConnectAsync(resolver, patience.Token).ConfigureAwait(false);
        if (stream)
        {
            using var connection = new NetworkStream(socket);
            await WriteAsync(connection, query).ConfigureAwait(false);
            return await ReadAsync(connection).ConfigureAwait(false) ?? throw new IOException("The resolver closed the connection.");
        }
        await socket.SendAsync(query, patience.Token).ConfigureAwait(false);
        var buffer = new byte[4096];
        return buffer[..await socket.ReceiveAsync(buffer, patience.Token).ConfigureAwait(false)];
    }

    static async Task<byte[]?> ReadAsync(Stream stream)
    {
        var prefix = new byte[2];
        if (await stream.ReadAtLeastAsync(prefix, 2, throwOnEndOfStream: false).ConfigureAwait(false) < 2)
            return null;
        var message = new byte[BinaryPrimitives.ReadUInt16BigEndian(prefix)];
        await stream.ReadExactlyAsync(message).ConfigureAwait(false);
        return message;
    }

    static async Task WriteAsync(Stream stream, ReadOnlyMemory<byte> message)
    {
        var framed = new byte[2 + message.Length];
        BinaryPrimitives.WriteUInt16BigEndian(framed, (ushort)message.Length);
        message.CopyTo(framed.AsMemory(2));
        await stream.WriteAsync(framed).ConfigureAwait(false);
    }
}
