using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Macro.Core;
using Macro.Daemon.Traversal;
using Macro.Linux;
using Macro.Nat.PortMapping;

namespace Macro.Daemon.Tests;

/// <summary>A router at a loopback address that grants every wish by PCP, and what is asked of it.</summary>
public sealed class PortMappingsTests : IAsyncDisposable
{
    const ushort Port = 51820;

    static readonly IpAddress s_router = IpAddress.Parse("127.53.51.1");

    readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    readonly Channel<(ushort Port, uint Lifetime)> _asked = Channel.CreateUnbounded<(ushort, uint)>();
    readonly PortMappings _mappings;

    public PortMappingsTests()
    {
        _socket.Bind(new IPEndPoint(s_router.ToSystem(), PcpMessage.ServerPort));
        _ = LanSocket.ReceiveAsync(_socket, Grant);
        var gateway = new DefaultGateway("lo", s_router, IpAddress.V4Loopback, Prefix.Parse("127.0.0.0/8"));
        _mappings = new PortMappings(Port, new byte[16], mark: 0, new BootClock(), () => (gateway, null), _ => { });
    }

    [Fact]
    public async Task What_was_mapped_is_withdrawn_when_the_node_relays_no_more_and_mapped_again_when_it_does()
    {
        for (var i = 0; i < 2; i++)
        {
            _mappings.Start();
            Assert.True((await Asked()).Lifetime > 0);
            await _mappings.StopAsync();
            Assert.Equal((Port, 0u), await Withdrawn());
            Assert.Null(_mappings.State.Mapping);
        }
    }

    [Fact]
    public async Task What_was_mapped_is_withdrawn_when_the_node_ends()
    {
        _mappings.Start();
        Assert.True((await Asked()).Lifetime > 0);
        await _mappings.DisposeAsync();
        Assert.Equal((Port, 0u), await Withdrawn());
    }

    public async ValueTask DisposeAsync()
    {
        await _mappings.DisposeAsync();
        _socket.Dispose();
    }

    ValueTask<(ushort Port, uint Lifetime)> Asked() => _asked.Reader.ReadAsync(TestContext.Current.CancellationToken);

    /// <summary>The first request after the mapping that is none for more time.</summary>
    async Task<(ushort Port, uint Lifetime)> Withdrawn()
    {
        while (true)
            if (await Asked() is { Lifetime: 0 } withdrawn)
                return withdrawn;
    }

    /// <summary>The same bytes as the answer, with the port that was wished for at an outside address (RFC 6887 11.1).</summary>
    void Grant(byte[] request, Endpoint from)
    {
        if (request.Length < PcpMessage.MapSize || request[0] != PcpMessage.Version || request[1] != (byte)PcpOpcode.Map)
            return;
        _asked.Writer.TryWrite((BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(40)), BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(4))));
        request[1] |= 0x80;
        request.AsSpan(8, 16).Clear();
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(8), 1000);
        IpAddress.Parse("44.1.2.3").WriteMapped(request.AsSpan(44));
        _socket.SendTo(request, new IPEndPoint(from.Address.ToSystem(), from.Port));
    }
}
