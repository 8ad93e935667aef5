using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>Exits that answer every probe, and by which the internet does not answer.</summary>
public class MuteExitTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world;
    readonly SimNode _client;
    readonly SimNode[] _relays;

    public MuteExitTests()
    {
        (_world, _client, _relays) = Networks.Six(23);
        // As in a client: a second path to the exit is ready, and is no help here.
        Controller.KeepsStandby = true;
    }

    Controller Controller => _client.Node.Controller;

    SimNode Exit => _relays.Single(relay => relay.Name == Controller.Shown!.Exit.Target.Name);

    [Fact]
    public void A_mute_exit_makes_way_for_another_and_is_blamed_once_that_one_is_answered()
    {
        var mute = Connect();
        mute.Answer = null;
        var middle = _relays.Single(relay => relay.Name == Controller.Carrying!.Hops[0].Target.Name);
        Browse(4, networks: 2);
        Assert.Equal(mute, Exit);
        Browse(4, networks: 2);
        Assert.NotEqual(mute, Exit);
        Assert.Contains("nothing came back from the internet", Controller.Connection.Problem);
        Assert.NotEmpty(_client.Inbox);
        Assert.Equal(1, Bad(mute) + Bad(middle), 3);
        Assert.InRange(Bad(mute), 0.3, 0.7);
    }

    [Fact]
    public void One_destination_that_is_silent_shows_nothing()
    {
        var exit = Connect();
        exit.Answer = null;
        Browse(60, networks: 1);
        Assert.Equal(exit, Exit);
        Assert.Null(Controller.Connection.Problem);
    }

    [Fact]
    public void Nor_do_many_while_one_answers()
    {
        var exit = Connect();
        exit.Answer = packet => Packets.Destination(packet) == Network(0) ? Packets.Echo(packet) : null;
        Browse(120, networks: 9);
        Assert.Equal(exit, Exit);
        Assert.Null(Controller.Connection.Problem);
    }

    [Fact]
    public void An_exit_that_answered_before_is_given_more_time()
    {
        var exit = Connect();
        Browse(2, networks: 4);
        exit.Answer = null;
        Browse(15, networks: 4);
        Assert.Equal(exit, Exit);
        Browse(3, networks: 4);
        Assert.NotEqual(exit, Exit);
    }

    [Fact]
    public void The_last_exit_is_kept_and_the_user_hears_of_it_until_the_internet_answers()
    {
        Controller.Candidates = [.. _relays.Where(relay => relay != _relays[5]).Select(relay => relay.Candidate)];
        var exit = Connect();
        exit.Answer = null;
        Browse(10, networks: 3);
        Assert.Equal(exit, Exit);
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
        Assert.Contains("Nothing comes back", Controller.Connection.Problem);
        exit.Answer = Packets.Echo;
        Browse(1, networks: 3);
        Assert.Null(Controller.Connection.Problem);
        Assert.Equal(0, Bad(exit));
    }

    [Fact]
    public void Whoever_asks_in_vain_for_hours_does_not_change_exits_all_the_time()
    {
        var third = _world.Add("relay7", "44.135.0.1:51820", relay: true, exit: true);
        SimNode[] all = [.. _relays, third];
        Controller.Candidates = [.. all.Select(relay => relay.Candidate)];
        foreach (var exit in all)
            exit.Answer = null;
        Connect();
        HashSet<Circuit> circuits = [];
        for (var i = 0; i < 3600; i++)
        {
            Browse(1, networks: 5);
            circuits.Add(Controller.Shown!);
        }
        // Each of the three once; then all are known for it.
        Assert.InRange(circuits.Count, 3, 5);
        Assert.All(all, relay => Assert.Equal(0, Bad(relay)));
    }

    [Fact]
    public void A_resolver_that_finds_no_name_is_as_mute()
    {
        var exit = Connect();
        for (var i = 0; i < 8 && Exit == exit; i++)
        {
            Resolve("one.example");
            Resolve("two.example");
            _world.Run(s_second);
        }
        Assert.NotEqual(exit, Exit);
    }

    [Fact]
    public void Names_that_are_not_found_show_nothing_while_the_internet_answers()
    {
        var exit = Connect();
        for (var i = 0; i < 60; i++)
        {
            for (var name = 0; name < 6; name++)
                Resolve($"{name}.example");
            Browse(1, i % 10 == 0 ? 1 : 0);
        }
        Assert.Equal(exit, Exit);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(3, true)]
    [InlineData(2, false)]
    public void A_resolver_answers_unless_it_says_that_it_fails(byte code, bool answers)
    {
        var exit = Connect();
        for (var i = 0; i < 10 && Exit == exit; i++)
        {
            Resolve("one.example");
            Resolve("two.example");
            _world.Run(s_second / 2);
            foreach (var query in exit.Queries)
                exit.FromInternet(Fail(query, code));
            exit.Queries.Clear();
            _world.Run(s_second / 2);
        }
        Assert.Equal(answers, Exit == exit);
    }

    [Fact]
    public void What_no_exit_reaches_is_not_waited_for()
    {
        var exit = Connect();
        exit.Answer = null;
        for (var i = 0; i < 20; i++)
        {
            foreach (var to in (string[])["224.0.0.251", "10.0.0.1", "192.168.1.1", "172.16.0.1", "255.255.255.255"])
                Send(IpAddress.Parse(to), 5353);
            _world.Run(s_second);
        }
        Assert.Equal(exit, Exit);
        Assert.Null(Controller.Connection.Problem);
    }

    [Fact]
    public void While_the_own_network_is_down_no_exit_is_mute()
    {
        Connect();
        Browse(2, networks: 4);
        _world.Cut = (from, to) => from == _client.Endpoint || to == _client.Endpoint;
        Browse(30, networks: 6);
        _world.Cut = null;
        Browse(10, networks: 6);
        Assert.All(_relays, relay => Assert.Equal(0, Bad(relay)));
        Assert.Equal(ConnectionState.Active, Controller.Connection.State);
    }

    SimNode Connect()
    {
        _client.Up(ConnectionMode.Balanced);
        _world.RunUntil(() => Controller.Connection.State == ConnectionState.Active, 10 * s_second);
        return Exit;
    }

    /// <summary>A datagram to each of so many networks every second.</summary>
    void Browse(int seconds, int networks)
    {
        for (var i = 0; i < seconds; i++)
        {
            for (var network = 0; network < networks; network++)
                Send(Network(network), 443);
            _world.Run(s_second);
        }
    }

    static IpAddress Network(int number) => IpAddress.FromV4(0x2D000001 + ((uint)number << 16));

    void Send(IpAddress to, ushort port) => _client.SendPacket(Packets.Udp(Packets.Client, to, 4000, port, "hello"u8));

    void Resolve(string name)
    {
        byte[] query = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(name), 0, 0, 1, 0, 1];
        _client.SendPacket(Packets.Udp(Packets.Client, ExitResolver.Address.V4, 4000, 53, query));
    }

    static byte[] Fail(byte[] query, byte code)
    {
        var answer = Packets.Echo(query);
        return Packets.Udp(Packets.Source(answer), Packets.Destination(answer), 53, 4000, [.. answer.AsSpan(28, 2), 0x81, (byte)(0x80 | code), .. answer.AsSpan(32)]);
    }

    double Bad(SimNode relay) => Controller.Reputation.Outcomes(relay.Candidate.Id, _world.Now).Bad;
}
