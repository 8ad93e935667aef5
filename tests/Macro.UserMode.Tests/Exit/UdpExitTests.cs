using System.Net;
using System.Net.Sockets;
using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode.Tests.Exit;

public sealed class UdpExitTests : IDisposable
{
    readonly Socket _server = Bound(ExitRig.Server), _other = Bound(ExitRig.OtherServer);
    readonly ExitRig _rig = new();
    readonly ClientPort _port;

    public UdpExitTests() => _port = new ClientPort(_rig);

    public void Dispose()
    {
        _rig.Dispose();
        _server.Dispose();
        _other.Dispose();
    }

    [Fact]
    public void One_port_inside_is_one_port_outside_whatever_the_target()
    {
        _port.Send(Of(_server), 1);
        _port.Send(Of(_other), 2);
        var (first, payload) = Receive(_server);
        var (second, _) = Receive(_other);
        Assert.Equal((first.Port, 1), (second.Port, payload[0]));

        _server.SendTo([3], first);
        _other.SendTo([4], second);
        _rig.Until(() => _port.Received.Count == 2);
        Assert.Equal([(Of(_server), 3), (Of(_other), 4)], _port.Received.Select(datagram => (datagram.From, (int)datagram.Payload[0])).OrderBy(datagram => datagram.Item2));

        var another = new ClientPort(_rig);
        another.Send(Of(_server), 1);
        Assert.NotEqual(first.Port, Receive(_server).From.Port);
        Assert.Equal((2, 2), _rig.Get(() => (_rig.Exit.MappingCount, (int)_rig.Exit.Counters.Mapped)));
    }

    [Fact]
    public void Whoever_knows_the_port_reaches_the_client()
    {
        _port.Send(Of(_server), 1);
        var (mapped, _) = Receive(_server);
        _other.SendTo([9], mapped);
        _rig.Until(() => _port.Received.Count == 1);
        Assert.Equal(Of(_other), _port.Received[0].From);
    }

    [Fact]
    public void Filtering_by_address_lets_through_whom_the_client_spoke_to()
    {
        using var rig = new ExitRig(new UserModeExitOptions { Filtering = UdpFiltering.AddressDependent });
        var port = new ClientPort(rig);
        port.Send(Of(_server), 1);
        var (mapped, _) = Receive(_server);
        _other.SendTo([9], mapped);
        rig.Until(() => rig.Exit.Counters.Filtered == 1);
        using var sameHost = Bound(ExitRig.Server);
        sameHost.SendTo([8], mapped);
        rig.Until(() => port.Received.Count == 1);
        Assert.Equal(Of(sameHost), port.Received[0].From);
    }

    [Fact]
    public void What_the_policy_denies_cannot_send_either()
    {
        _port.Send(Of(_server), 1);
        var (mapped, _) = Receive(_server);
        using var local = Bound(IpAddress.V4Loopback);
        local.SendTo([9], mapped);
        _rig.Until(() => _rig.Exit.Counters.Filtered == 1);
        Assert.Empty(_port.Received);
    }

    [Fact]
    public void A_target_that_the_policy_denies_is_reported_and_no_socket_opened()
    {
        _port.Send(new Endpoint(IpAddress.V4Loopback, 53), 1);
        _port.Send(Endpoint.Parse("192.168.1.1:53"), 1);
        // The stack itself takes no packet for loopback.
        _rig.Until(() => _port.Errors.Count == 1);
        Assert.Equal((Endpoint.Parse("192.168.1.1:53"), IcmpReason.Prohibited), (_port.Errors[0].Target, _port.Errors[0].Error.Reason));
        Assert.Equal((0, 0), _rig.Get(() => (_rig.Exit.MappingCount, _rig.Loop.Reactor.Count)));

        // Nor from a port that is mapped already.
        _port.Send(Of(_server), 1);
        _port.Send(Endpoint.Parse("192.168.1.1:53"), 1);
        _rig.Until(() => _port.Errors.Count == 2);
        Assert.Equal(2, _rig.Get(() => _rig.Exit.Counters.Denied));
    }

    [Fact]
    public void A_port_where_nobody_listens_is_reported_to_the_client()
    {
        var gone = Of(_server);
        _server.Dispose();
        _port.Send(gone, 1, 2, 3);
        _rig.Until(() => _port.Errors.Count == 1);
        Assert.Equal((gone, IcmpReason.PortUnreachable), (_port.Errors[0].Target, _port.Errors[0].Error.Reason));

        // And the port goes on working.
        _port.Send(Of(_other), 5);
        Assert.Equal([5], Receive(_other).Payload);
    }

    [Fact]
    public void Large_datagrams_pass_in_fragments_inside()
    {
        var payload = new byte[20_000];
        SystemRandom.Shared.Fill(payload);
        _port.Send(Of(_server), payload);
        var (mapped, received) = Receive(_server);
        Assert.Equal(payload, received);
        _server.SendTo(payload, mapped);
        _rig.Until(() => _port.Received.Count == 1);
        Assert.Equal(payload, _port.Received[0].Payload);
    }

    [Fact]
    public void A_mapping_ends_when_the_client_is_silent_though_others_go_on()
    {
        using var rig = new ExitRig(new UserModeExitOptions { MappingIdle = TimeSpan.FromMilliseconds(100) });
        var port = new ClientPort(rig);
        port.Send(Of(_server), 1);
        var (mapped, _) = Receive(_server);
        rig.Until(() =>
        {
            _server.SendTo([1], mapped);
            return rig.Exit.MappingCount == 0;
        });
        Assert.Equal(0, rig.Get(() => rig.Loop.Reactor.Count));
    }

    [Fact]
    public void A_port_that_asked_only_for_names_is_forgotten_sooner()
    {
        using var rig = new ExitRig(new UserModeExitOptions { QueryIdle = TimeSpan.FromMilliseconds(50) });
        var (questions, other) = (new ClientPort(rig), new ClientPort(rig));
        questions.Send(new Endpoint(ExitRig.Server, 53), 1);
        other.Send(Of(_server), 1);
        rig.Until(() => rig.Exit.Counters.Mapped == 2 && rig.Exit.MappingCount == 1);
        other.Send(Of(_server), 2);
        Assert.Equal(Receive(_server).From, Receive(_server).From);
    }

    [Fact]
    public void One_port_more_than_allowed_takes_the_place_of_the_one_unused_for_longest()
    {
        using var rig = new ExitRig(new UserModeExitOptions { MaxMappingsPerSession = 2 });
        var ports = Enumerable.Range(0, 3).Select(_ => new ClientPort(rig)).ToArray();
        ports[0].Send(Of(_server), 0);
        var first = Receive(_server).From;
        ports[1].Send(Of(_server), 1);
        Receive(_server);
        ports[0].Send(Of(_server), 0);
        Receive(_server);
        ports[2].Send(Of(_server), 2);
        Receive(_server);
        Assert.Equal(2, rig.Get(() => rig.Exit.MappingCount));

        ports[0].Send(Of(_server), 0);
        Assert.Equal(first, Receive(_server).From);
    }

    [Fact]
    public void When_all_places_are_taken_the_session_with_the_most_makes_room()
    {
        using var rig = new ExitRig(new UserModeExitOptions { MaxMappings = 20 });
        foreach (var port in Enumerable.Range(0, 20).Select(_ => new ClientPort(rig)).ToArray())
            port.Send(Of(_server), 0);
        rig.Until(() => rig.Exit.MappingCount == 20);
        for (ushort port = 1; port <= 3; port++)
            rig.Inject(Packet(new Endpoint(ExitRig.OtherClient, port), Of(_server)));

        Assert.Equal((7, 23, 0), rig.Get(() => (rig.Exit.MappingCount, (int)rig.Exit.Counters.Mapped, (int)rig.Exit.Counters.Limited)));
    }

    [Fact]
    public void An_echo_passes_where_the_system_allows_it_and_is_prohibited_elsewhere()
    {
        var may = PingSocket.TryOpen(v4: true, null, out var probe) == SocketStatus.Ok;
        probe?.Dispose();
        var inner = new byte[16];
        byte[] request = [8, 0, 0, 0, 0x12, 0x34, 0, 7, .. inner];
        var sum = request.Chunk(2).Sum(pair => pair[0] << 8 | pair[1]);
        sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
        (request[2], request[3]) = ((byte)(sum >> 8), (byte)sum);
        var packet = new byte[20 + request.Length];
        new Core.Packets.IpHeader(ExitRig.ClientV4, ExitRig.Server, Core.Packets.IpProtocol.Icmp, 64).Write(packet);
        request.CopyTo(packet, 20);
        var before = _rig.Get(() => _rig.Client.Stack.Counters.ReceivedPackets);
        _rig.Inject(packet);

        _rig.Until(() => _rig.Client.Stack.Counters.ReceivedPackets > before);
        Assert.Equal((may ? 0 : 1, may ? 0 : 1), _rig.Get(() => ((int)_rig.Exit.Counters.EchoesRefused, (int)_rig.Exit.Stack.Stack.Counters.ErrorsSent)));
    }

    static byte[] Packet(Endpoint from, Endpoint to)
    {
        // IPv4 needs no checksum of UDP.
        byte[] datagram = [(byte)(from.Port >> 8), (byte)from.Port, (byte)(to.Port >> 8), (byte)to.Port, 0, 9, 0, 0, 1];
        var packet = new byte[20 + datagram.Length];
        new Core.Packets.IpHeader(from.Address, to.Address, Core.Packets.IpProtocol.Udp, 64).Write(packet);
        datagram.CopyTo(packet, 20);
        return packet;
    }

    static Socket Bound(IpAddress address)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp) { ReceiveTimeout = 10_000 };
        socket.Bind(new IPEndPoint(address.ToSystem(), 0));
        return socket;
    }

    static Endpoint Of(Socket socket)
    {
        var local = (IPEndPoint)socket.LocalEndPoint!;
        return new Endpoint(IpAddress.FromSystem(local.Address), (ushort)local.Port);
    }

    static (IPEndPoint From, byte[] Payload) Receive(Socket socket)
    {
        EndPoint from = new IPEndPoint(IPAddress.Any, 0);
        var room = new byte[65536];
        var length = socket.ReceiveFrom(room, ref from);
        return ((IPEndPoint)from, room[..length]);
    }
}
