using System.Net;
using System.Net.Sockets;
using Macro.Core;
using static Macro.UserMode.Tests.TestWorld;

namespace Macro.UserMode.Tests;

public sealed class UdpAssociationTests : IDisposable
{
    readonly UdpEcho _echo = new();

    public void Dispose() => _echo.Dispose();

    ushort Port => _echo.Port;

    [Theory]
    [InlineData("198.51.100.7")]
    [InlineData("2001:db8::7")]
    [InlineData("v4.example")]
    public void Datagrams_go_there_and_back(string host)
    {
        using var world = new TestWorld();
        using var control = world.Connect();
        using var udp = control.Associate();

        var answer = udp.Exchange(host, Port, 1, 2, 3);

        Assert.Equal([0, 0, 0], answer[..3]);
        Assert.Equal([1, 2, 3], answer[^3..]);
    }

    [Fact]
    public void Fragments_and_strangers_are_refused()
    {
        using var world = new TestWorld();
        using var control = world.Connect();
        using var udp = control.Associate();
        using var stranger = new UdpClient();
        stranger.Connect((IPEndPoint)udp.Client.RemoteEndPoint!);
        var request = SocksClient.Request(0, "198.51.100.7", Port)[3..];
        udp.Send([0, 0, 0, .. request, 1]);
        udp.Receive();

        udp.Send([0, 0, 1, .. request, 2]);
        stranger.Send([0, 0, 0, .. request, 3]);
        udp.Send([0, 0, 0, .. request, 4]);

        Assert.Equal(4, udp.Receive()[^1]);
        Assert.Equal(0, stranger.Available);
    }

    [Fact]
    public void Ends_with_its_TCP_connection()
    {
        using var world = new TestWorld();
        var control = world.Connect();
        using var udp = control.Associate();
        Assert.Equal(1, world.Proxy.Counters.Associations);

        control.Dispose();

        Eventually(() => world.Proxy.Counters is { Associations: 0, Open: 0 } && world.Of("").Client.MemberCount == 0, "the end");
    }

    [Fact]
    public void Ends_with_its_circuit()
    {
        using var world = new TestWorld();
        using var control = world.Connect();
        using var udp = control.Associate();

        world.Of("").Client.Close();

        Assert.Equal(0, control.GetStream().Read(new byte[1]));
    }

    [Fact]
    public void Ends_when_nothing_has_passed_for_a_while()
    {
        using var world = new TestWorld(new ProxyOptions { AssociationTimeout = TimeSpan.FromMilliseconds(200) });
        using var control = world.Connect();
        using var udp = control.Associate();

        Assert.Equal(0, control.GetStream().Read(new byte[1]));
    }

    [Fact]
    public void There_are_only_so_many()
    {
        using var world = new TestWorld(new ProxyOptions { MaxAssociations = 1 });
        using var first = world.Connect();
        using var udp = first.Associate();
        using var second = world.Connect();

        Assert.Equal(1, second.Ask(3, "0.0.0.0", 0));
    }

    /// <summary>Datagrams of every size that an association carries.</summary>
    [Fact]
    public void Large_datagrams_pass_in_fragments()
    {
        using var world = new TestWorld();
        using var control = world.Connect();
        using var udp = control.Associate();
        var header = SocksClient.Request(0, "198.51.100.7", Port)[3..];
        foreach (var size in (int[])[0, 1, 1300, 1400, 9000, 30_000])
        {
            var payload = new byte[size];
            new Random(size).NextBytes(payload);

            udp.Send([0, 0, 0, .. header, .. payload]);

            Assert.Equal(payload, udp.Receive()[10..]);
        }
    }
}
