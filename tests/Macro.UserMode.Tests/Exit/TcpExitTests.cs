using System.Net;
using System.Net.Sockets;
using Macro.Core;
using Macro.NetStack;

namespace Macro.UserMode.Tests.Exit;

public sealed class TcpExitTests : IDisposable
{
    readonly TcpListener _listener = new(ExitRig.Server.ToSystem(), 0);
    readonly ExitRig _rig = new();

    public TcpExitTests() => _listener.Start();

    Endpoint Target => new(ExitRig.Server, (ushort)((IPEndPoint)_listener.LocalEndpoint).Port);

    public void Dispose()
    {
        _rig.Dispose();
        _listener.Stop();
    }

    [Fact]
    public void Bytes_pass_both_ways_and_each_way_ends_by_itself()
    {
        var stream = _rig.Connect(Target);
        using var server = _listener.AcceptSocket();
        stream.UntilEstablished();
        stream.Send([1, 2, 3]);
        stream.Shutdown();
        var room = new byte[10];
        Assert.Equal(3, server.Receive(room));
        Assert.Equal(0, server.Receive(room));
        server.Send(new byte[100_000]);
        server.Shutdown(SocketShutdown.Send);

        _rig.Until(() => stream.Connection.IsClosed);
        Assert.Equal((100_000, TcpFailure.None), (stream.Received.Length, stream.Failure));
        _rig.Until(() => _rig.Exit.ConnectionCount == 0);
        Assert.Equal(1, _rig.Get(() => _rig.Exit.Counters.Connected));
    }

    [Fact]
    public void A_port_where_nobody_listens_refuses()
    {
        var target = Target;
        _listener.Stop();

        Assert.Equal(TcpFailure.Refused, _rig.Connect(target).Failure);
        Assert.Equal((0, 1), _rig.Get(() => (_rig.Exit.ConnectionCount, (int)_rig.Exit.Counters.ConnectFailed)));
    }

    [Fact]
    public void A_target_that_the_policy_denies_is_prohibited()
    {
        Assert.Equal(TcpFailure.Prohibited, _rig.Connect(Target with { Address = IpAddress.Parse("127.2.0.1") }).Failure);
        Assert.Equal((1, 0, 0), _rig.Get(() => ((int)_rig.Exit.Counters.Denied, _rig.Exit.ConnectionCount, _rig.Loop.Reactor.Count)));
    }

    [Fact]
    public void An_address_of_the_machine_that_the_policy_does_not_know_is_prohibited()
    {
        // 127.0.0.1 is the only loopback address that is its own source; as good as an address that came with a new network.
        using var probe = new Macro.Linux.RouteProbe(Macro.Linux.SocketOptions.Default);
        Assert.True(probe.LeadsHere(IpAddress.V4Loopback));
        Assert.False(probe.LeadsHere(ExitRig.Server));
        Assert.False(probe.LeadsHere(IpAddress.Parse("255.255.255.255")));

        foreach (var network in System.Net.NetworkInformation.NetworkInterface.GetAllNetworkInterfaces())
            foreach (var unicast in network.GetIPProperties().UnicastAddresses)
            {
                var own = IpAddress.FromSystem(unicast.Address);
                if (!own.IsV4 || unicast.Address.Equals(IPAddress.Loopback))
                    continue;
                using var rig = new ExitRig(policy: new Circuits.ExitPolicy([Circuits.ExitPolicy.AcceptAll], [], [Prefix.Host(own)]));
                Assert.Equal(TcpFailure.Prohibited, rig.Connect(new Endpoint(own, 22)).Failure);
                Assert.Equal((1, 0), rig.Get(() => ((int)rig.Exit.Counters.OwnAddress, rig.Loop.Reactor.Count)));
            }
    }

    [Fact]
    public void A_reset_passes_on_as_a_reset_each_way()
    {
        var stream = _rig.Connect(Target);
        var server = _listener.AcceptSocket();
        stream.UntilEstablished();
        server.LingerState = new LingerOption(enable: true, 0);
        server.Dispose();
        Assert.Equal(TcpFailure.Reset, stream.Failure);

        stream = _rig.Connect(Target);
        server = _listener.AcceptSocket();
        stream.UntilEstablished();
        stream.Abort();
        var failure = Assert.Throws<SocketException>(() => server.Receive(new byte[1]));
        Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
        server.Dispose();
        _rig.Until(() => _rig.Exit.ConnectionCount == 0 && _rig.Loop.Reactor.Count == 0);
    }

    [Fact]
    public void A_session_has_so_many_connections()
    {
        using var rig = new ExitRig(new UserModeExitOptions { MaxConnectionsPerSession = 2 });
        var streams = new[] { rig.Connect(Target), rig.Connect(Target) };
        foreach (var stream in streams)
            stream.UntilEstablished();
        Assert.Equal(TcpFailure.Prohibited, rig.Connect(Target).Failure);

        streams[0].Abort();
        rig.Until(() => rig.Exit.ConnectionCount == 1);
        rig.Connect(Target).UntilEstablished();
    }

    [Fact]
    public void Connections_beyond_those_of_a_second_wait_for_their_turn()
    {
        using var rig = new ExitRig(new UserModeExitOptions { NewFlowsPerSecond = 100 });
        var streams = Enumerable.Range(0, 130).Select(_ => rig.Connect(Target)).ToArray();
        // The client's port has heard nothing of those that wait: no refusal, no reset.
        rig.Until(() => streams.All(stream => stream.Connection.IsEstablished));

        Assert.Equal((130, 0, 0), rig.Get(() => (rig.Exit.ConnectionCount, (int)rig.Exit.Counters.Limited, (int)rig.Exit.Counters.ConnectFailed)));
    }

    [Fact]
    public void Who_would_wait_for_too_long_is_refused()
    {
        using var rig = new ExitRig(new UserModeExitOptions { NewFlowsPerSecond = 1 });
        var streams = Enumerable.Range(0, 20).Select(_ => rig.Connect(Target)).ToArray();
        rig.Until(() => streams.Count(stream => stream.Connection.IsClosed) >= 10);

        Assert.InRange(rig.Get(() => rig.Exit.Counters.Limited), 10, 15);
        Assert.All(streams.Where(stream => rig.Get(() => stream.Connection.IsClosed)), stream => Assert.Equal(TcpFailure.Prohibited, stream.Failure));
    }

    [Fact]
    public void A_connection_that_waits_for_its_turn_ends_with_its_session_or_its_client()
    {
        using var rig = new ExitRig(new UserModeExitOptions { NewFlowsPerSecond = 1 });
        rig.Connect(Target).UntilEstablished();
        var (waits, leaves) = (rig.Connect(Target), rig.Connect(Target));
        rig.Until(() => rig.Exit.ConnectionCount == 3);
        leaves.Abort();
        rig.Loop.Enter(() => rig.Exit.End(rig.Session!));

        Assert.Equal(TcpFailure.Refused, waits.Failure);
        rig.Until(() => rig.Exit.ConnectionCount == 0 && rig.Exit.Stack.Stack.HalfOpenCount == 0);
    }

    [Fact]
    public void When_all_places_are_taken_the_session_with_the_most_gives_up_its_oldest_connections()
    {
        using var rig = new ExitRig(new UserModeExitOptions { MaxConnections = 3 });
        var streams = new List<ClientStream>();
        for (var i = 0; i < 3; i++)
        {
            streams.Add(rig.Connect(Target));
            streams[i].UntilEstablished();
        }
        // To itself a session gives none.
        Assert.Equal(TcpFailure.Prohibited, rig.Connect(Target).Failure);
        rig.InjectSyn(new Endpoint(ExitRig.OtherClient, 4000), Target);

        Assert.Equal([TcpFailure.Reset, TcpFailure.Reset], streams.Take(2).Select(stream => stream.Failure));
        rig.Until(() => streams[2].Connection.IsEstablished && rig.Exit.ConnectionCount == 2);
    }

    [Fact]
    public void When_a_session_ends_so_does_all_that_it_had()
    {
        var stream = _rig.Connect(Target);
        using var server = _listener.AcceptSocket();
        stream.UntilEstablished();
        var port = new ClientPort(_rig);
        port.Send(Target, 1);
        _rig.Until(() => _rig.Exit.MappingCount == 1);

        _rig.Loop.Enter(() => _rig.Exit.End(_rig.Session!));
        Assert.Equal((0, 0, 0, 0), _rig.Get(() => (_rig.Exit.ConnectionCount, _rig.Exit.MappingCount, _rig.Exit.SessionCount, _rig.Loop.Reactor.Count)));
        Assert.Throws<SocketException>(() => server.Receive(new byte[1]));
        Assert.Equal(TcpFailure.Reset, stream.Failure);
    }

    [Fact]
    public void Who_has_no_session_opens_nothing()
    {
        _rig.Session = null;
        Assert.Equal(TcpFailure.Prohibited, _rig.Connect(Target).Failure);
        new ClientPort(_rig).Send(Target, 1);
        _rig.Until(() => _rig.Exit.Counters.Limited == 2);
        Assert.Equal((0, 0, 0), _rig.Get(() => (_rig.Exit.ConnectionCount, _rig.Exit.MappingCount, _rig.Loop.Reactor.Count)));
    }

    [Fact]
    public void An_exit_that_closes_resets_everything()
    {
        var stream = _rig.Connect(Target);
        using var server = _listener.AcceptSocket();
        stream.UntilEstablished();
        _rig.Exit.Stack.Close();
        Assert.Throws<SocketException>(() => server.Receive(new byte[1]));
        Assert.Equal(0, _rig.Get(() => _rig.Loop.Reactor.Count));
    }
}
