using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Macro.Core;

namespace Macro.Daemon.Tcp;

/// <summary>Sockets of the connections.</summary>
static class TcpSocket
{
    const int SolSocket = 1, SoMark = 36, IpProtoTcp = 6, TcpNotSentLowat = 25, Backlog = 128;

    // What waits in the kernel can be neither dropped nor overtaken.
    const int MostUnsent = 128 * 1024;

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(8);

    /// <param name="address">The one to listen at; null: all of both families.</param>
    /// <param name="mark">Of the node's own packets; 0 without the right to set it.</param>
    /// <exception cref="SocketException">The port is taken, or not for this user.</exception>
    public static Socket Listen(IpAddress? address, ushort port, uint mark)
    {
        var at = address?.ToSystem() ?? (Socket.OSSupportsIPv6 ? IPAddress.IPv6Any : IPAddress.Any);
        var socket = Open(at.AddressFamily, mark);
        try
        {
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            if (address is null && at.AddressFamily == AddressFamily.InterNetworkV6)
                socket.DualMode = true;
            socket.Bind(new IPEndPoint(at, port));
            socket.Listen(Backlog);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Null when nobody answers.</summary>
    public static async Task<Socket?> ConnectAsync(Endpoint far, IpAddress? from, uint mark, CancellationToken cancel)
    {
        var address = far.Address.ToSystem();
        var socket = Open(address.AddressFamily, mark);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(s_patience);
        try
        {
            if (from is { } own && own.IsV4 == far.Address.IsV4)
                socket.Bind(new IPEndPoint(own.ToSystem(), 0));
            await socket.ConnectAsync(new IPEndPoint(address, far.Port), patience.Token);
            return socket;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            socket.Dispose();
            return null;
        }
    }

    /// <summary>Of a connection that stands.</summary>
    public static void Tune(Socket socket)
    {
        socket.NoDelay = true;
        socket.SetRawSocketOption(IpProtoTcp, TcpNotSentLowat, Number(MostUnsent));
    }

    static Socket Open(AddressFamily family, uint mark)
    {
        var socket = new Socket(family, SocketType.Stream, ProtocolType.Tcp);
        if (mark != 0)
            socket.SetRawSocketOption(SolSocket, SoMark, Number(mark));
        return socket;
    }

    static byte[] Number(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        return bytes;
    }
}
