using System.Net;
using System.Net.Sockets;

namespace Macro.LabPeer;

/// <summary>A client of SOCKS5's UDP ASSOCIATE (RFC 1928 7): datagrams to one far end, through a proxy.</summary>
sealed class SocksUdp : IDisposable
{
    const int Ipv4 = 1, HeaderLength = 10;

    readonly TcpClient _control;
    readonly Socket _socket;
    readonly byte[] _header;

    SocksUdp(TcpClient control, Socket socket, byte[] header) => (_control, _socket, _header) = (control, socket, header);

    /// <param name="user">The isolation key; null: none is given.</param>
    /// <exception cref="IOException">The proxy refused.</exception>
    public static async Task<SocksUdp> OpenAsync(IPEndPoint proxy, IPEndPoint target, string? user = null)
    {
        var control = new TcpClient(proxy.AddressFamily);
        try
        {
            await control.ConnectAsync(proxy).ConfigureAwait(false);
            var stream = control.GetStream();
            await GreetAsync(stream, user).ConfigureAwait(false);
            await stream.WriteAsync((byte[])[5, 3, 0, Ipv4, 0, 0, 0, 0, 0, 0]).ConfigureAwait(false);
            var answer = new byte[10];
            await stream.ReadExactlyAsync(answer).ConfigureAwait(false);
            if (answer[1] != 0 || answer[3] != Ipv4)
                throw new IOException($"The proxy answered {answer[1]} to UDP ASSOCIATE.");
            var relay = new IPEndPoint(new IPAddress(answer.AsSpan(4, 4)), (answer[8] << 8) | answer[9]);
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            await socket.ConnectAsync(relay.Address.Equals(IPAddress.Any) ? new IPEndPoint(proxy.Address, relay.Port) : relay).ConfigureAwait(false);
            byte[] header = [0, 0, 0, Ipv4, .. target.Address.GetAddressBytes(), (byte)(target.Port >> 8), (byte)target.Port];
            return new SocksUdp(control, socket, header);
        }
        catch
        {
            control.Dispose();
            throw;
        }
    }

    public async Task SendAsync(ReadOnlyMemory<byte> payload) =>
        await _socket.SendAsync((byte[])[.. _header, .. payload.Span]).ConfigureAwait(false);

    /// <summary>The payload of the next datagram from the far end.</summary>
    public async Task<byte[]> ReceiveAsync(CancellationToken cancel)
    {
        var buffer = new byte[65536];
        while (true)
        {
            var length = await _socket.ReceiveAsync(buffer, cancel).ConfigureAwait(false);
            if (length >= HeaderLength && buffer.AsSpan(0, HeaderLength).SequenceEqual(_header))
                return buffer[HeaderLength..length];
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _control.Dispose();
    }

    /// <summary>Method and, with a user, the name (RFC 1928 3, RFC 1929).</summary>
    internal static async Task GreetAsync(NetworkStream stream, string? user, CancellationToken cancel = default)
    {
        var method = (byte)(user is null ? 0 : 2);
        await stream.WriteAsync((byte[])[5, 1, method], cancel).ConfigureAwait(false);
        var answer = new byte[2];
        await stream.ReadExactlyAsync(answer, cancel).ConfigureAwait(false);
        if (answer[1] != method)
            throw new IOException($"The proxy wants method {answer[1]}.");
        if (user is null)
            return;
        var name = System.Text.Encoding.UTF8.GetBytes(user);
        await stream.WriteAsync((byte[])[1, (byte)name.Length, .. name, 1, (byte)'x'], cancel).ConfigureAwait(false);
        await stream.ReadExactlyAsync(answer, cancel).ConfigureAwait(false);
        if (answer[1] != 0)
            throw new IOException("The proxy refuses the user name.");
    }
}
