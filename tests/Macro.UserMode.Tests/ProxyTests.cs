using System.Net.Sockets;
using System.Text;
using Macro.Core;
using static Macro.UserMode.Tests.TestWorld;

namespace Macro.UserMode.Tests;

public sealed class ProxyTests
{
    const string Target = "198.51.100.7";

    [Fact]
    public void Says_what_went_wrong_in_the_words_of_SOCKS()
    {
        using var world = new TestWorld(new ProxyOptions { ConnectTimeout = TimeSpan.FromSeconds(1) });
        using var closed = Server.Echo();
        closed.Dispose();
        var exit = world.Prepare().Exit;
        (exit.DeniedPort, exit.SilentPort) = (25, 4444);

        Assert.Equal(5, Ask(1, Target, closed.Port));
        Assert.Equal(2, Ask(1, Target, 25));
        Assert.Equal(6, Ask(1, Target, 4444));
        Assert.Equal(4, Ask(1, "nowhere.example", 80));
        Assert.Equal(2, Ask(1, "localhost", 80));
        Assert.Equal(2, Ask(1, "www.localhost", 80));
        Assert.Equal(2, Ask(1, "224.0.0.1", 80));
        Assert.Equal(2, Ask(1, "255.255.255.255", 80));
        Assert.Equal(4, Ask(1, "something.onion", 80));
        Assert.Equal(7, Ask(2, Target, 80));
        Assert.Equal(1, Ask(1, Target, 0));
        world.Refusal = CircuitRefusal.Down;
        Assert.Equal(1, Ask(1, Target, 80));
        Assert.DoesNotContain(world.Asked, asked => asked.Name != "nowhere.example");
        Eventually(() => world.Proxy.Counters.Open == 0, "the end of all");

        byte Ask(byte command, string host, ushort port)
        {
            using var client = world.Connect();
            var answer = client.Ask(command, host, port);
            Assert.Equal(0, client.GetStream().Read(new byte[1]));
            return answer;
        }
    }

    [Fact]
    public void Says_what_went_wrong_in_the_words_of_HTTP()
    {
        using var world = new TestWorld(new ProxyOptions { ConnectTimeout = TimeSpan.FromSeconds(1) });
        using var closed = Server.Echo();
        closed.Dispose();
        var exit = world.Prepare().Exit;
        (exit.DeniedPort, exit.SilentPort) = (25, 4444);

        Assert.StartsWith("HTTP/1.1 502 ", Tell($"CONNECT {Target}:{closed.Port} HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 403 ", Tell($"CONNECT {Target}:25 HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 504 ", Tell($"GET http://{Target}:4444/ HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 502 ", Tell("GET http://nowhere.example/ HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 403 ", Tell("GET http://localhost/ HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 400 ", Tell("GET https://web.example/ HTTP/1.1\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 407 ", Tell($"CONNECT {Target}:80 HTTP/1.1\r\nProxy-Authorization: Digest x\r\n\r\n"));
        Assert.StartsWith("HTTP/1.1 431 ", Tell($"GET http://{Target}/ HTTP/1.1\r\nX: {new string('x', 40_000)}\r\n\r\n"));
        world.Refusal = CircuitRefusal.Down;
        Assert.StartsWith("HTTP/1.1 503 ", Tell($"CONNECT {Target}:80 HTTP/1.1\r\n\r\n"));
        world.Refusal = CircuitRefusal.None;
        world.Stalls = true;
        Assert.StartsWith("HTTP/1.1 503 ", Tell($"CONNECT {Target}:80 HTTP/1.1\r\n\r\n"));

        string Tell(string request)
        {
            using var client = world.Connect();
            client.GetStream().Write(Encoding.ASCII.GetBytes(request));
            return new StreamReader(client.GetStream()).ReadToEnd();
        }
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: 127.0.0.1:1080\r\nOrigin: http://evil.example\r\n\r\n")]
    [InlineData("POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 4\r\n\r\nabcd")]
    [InlineData("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")]
    public void A_web_page_finds_no_web_server_here(string request)
    {
        using var world = new TestWorld();
        using var client = world.Connect();

        client.GetStream().Write(Encoding.ASCII.GetBytes(request));
        var answer = new StreamReader(client.GetStream()).ReadToEnd();

        Assert.StartsWith("HTTP/1.1 400 Bad Request\r\n", answer);
        Assert.DoesNotContain("Access-Control", answer);
        Assert.Equal(0, world.CircuitCount);
    }

    [Fact]
    public void Only_the_configured_clients_are_served()
    {
        using var world = new TestWorld(new ProxyOptions { Clients = [Prefix.Parse("192.0.2.0/24")] });
        using var client = world.Connect();

        Assert.Throws<IOException>(() => client.GetStream().ReadByte());
        Eventually(() => world.Proxy.Counters is { TurnedAway: 1, Accepted: 0, Open: 0 }, "the refusal");
    }

    [Fact]
    public void One_connection_too_many_is_closed_and_a_place_that_is_free_again_is_given()
    {
        using var world = new TestWorld(new ProxyOptions { MaxConnections = 2 });
        using var echo = Server.Echo();
        var first = world.Connect();
        using var second = world.Connect();
        Assert.Equal(0, first.Ask(1, Target, echo.Port));
        Assert.Equal(0, second.Ask(1, Target, echo.Port));

        using (var third = world.Connect())
            Assert.Throws<IOException>(() => third.GetStream().ReadByte());
        first.Dispose();
        Eventually(() => world.Proxy.Counters.Open == 1, "the free place");

        using var fourth = world.Connect();
        Assert.Equal(0, fourth.Ask(1, Target, echo.Port));
    }

    [Fact]
    public void Clients_that_ask_for_nothing_keep_nobody_out()
    {
        using var world = new TestWorld(new ProxyOptions { MaxConnections = 3 });
        using var echo = Server.Echo();
        using var served = world.Connect();
        Assert.Equal(0, served.Ask(1, Target, echo.Port));
        using var silent = world.Connect();
        using var slow = world.Connect();
        slow.GetStream().Write("GET http"u8);

        using var client = world.Connect();
        Assert.Equal(0, client.Ask(1, Target, echo.Port));

        Assert.Throws<IOException>(() => silent.GetStream().ReadByte());
        Eventually(() => world.Proxy.Counters is { Displaced: 1, TurnedAway: 0, Open: 3 }, "the change");
        served.GetStream().Write("still"u8);
        Assert.Equal("still"u8, served.GetStream().Take(5));
    }

    [Fact]
    public void A_client_that_was_refused_and_stays_gives_way_too()
    {
        using var world = new TestWorld(new ProxyOptions { MaxConnections = 1 });
        using var echo = Server.Echo();
        using var refused = world.Connect();
        Assert.Equal(2, refused.Ask(1, "localhost", 80));

        using var client = world.Connect();

        Assert.Equal(0, client.Ask(1, Target, echo.Port));
    }

    [Fact]
    public void A_client_that_says_nothing_is_closed()
    {
        using var world = new TestWorld(new ProxyOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(200) });
        using var client = world.Connect();

        Assert.Throws<IOException>(() => client.GetStream().ReadByte());
        Eventually(() => world.Proxy.Counters.Open == 0, "the end");
    }

    [Fact]
    public void A_client_that_leaves_while_it_waits_leaves_nothing_behind()
    {
        using var world = new TestWorld();
        var exit = world.Prepare();
        exit.Exit.SilentPort = 4444;
        var client = world.Connect();
        client.Greet();
        client.GetStream().Write(SocksClient.Request(1, Target, 4444));
        Eventually(() => exit.Client.MemberCount == 1, "the attempt");

        client.Client.Close(0);

        Eventually(() => exit.Client.MemberCount == 0 && world.Proxy.Counters.Open == 0, "the end of the attempt");
    }

    [Fact]
    public void The_first_address_that_answers_wins()
    {
        using var world = new TestWorld();
        using var echo = Server.Echo();
        world.Names["both.example"] = [IpAddress.Parse("2001:db8::7"), IpAddress.Parse("198.51.100.7")];
        using var client = world.Connect();

        Assert.Equal(0, client.Ask(1, "both.example", echo.Port));
    }

    [Fact]
    public void Garbage_is_closed_and_harms_nobody()
    {
        using var world = new TestWorld(new ProxyOptions { HandshakeTimeout = TimeSpan.FromMilliseconds(500) });
        using var echo = Server.Echo();
        using var good = world.Connect();
        good.Ask(1, Target, echo.Port);
        var random = new Random(7);
        for (var i = 0; i < 300; i++)
        {
            using var client = world.Connect();
            var bytes = new byte[random.Next(1, 2000)];
            random.NextBytes(bytes);
            if (i % 3 > 0)
                bytes[0] = i % 3 == 1 ? (byte)5 : (byte)'G';
            try
            {
                client.GetStream().Write(bytes);
                if (i % 2 == 0)
                    client.Client.Shutdown(SocketShutdown.Send);
            }
            catch (IOException)
            {
                // Closed already.
            }
        }
        Eventually(() => world.Proxy.Counters.Open == 1, "the end of the garbage");

        good.GetStream().Write("still"u8);
        Assert.Equal("still"u8, good.GetStream().Take(5));
    }

    [Fact]
    public void A_proxy_may_end_after_its_loop_and_work_that_comes_too_late_is_dropped()
    {
        using var world = new TestWorld();
        using var client = world.Connect();
        client.Greet();

        world.Client.Dispose();
        world.Client.Post(() => { });
        world.Proxy.Dispose();

        Assert.Throws<IOException>(() => client.GetStream().ReadByte());
    }

    [Fact]
    public void Only_the_body_of_its_own_request_reaches_the_server()
    {
        using var world = new TestWorld();
        using var web = new WebServer((_, body) => WebServer.Ok(Encoding.ASCII.GetString(body)));
        using var client = world.Connect();

        client.GetStream().Write(Encoding.ASCII.GetBytes(
            $"POST http://{Target}:{web.Port}/ HTTP/1.1\r\nContent-Length: 5\r\n\r\nfirstGET http://other.example/ HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n"));
        var answer = new StreamReader(client.GetStream()).ReadToEnd();

        Assert.EndsWith("\r\nConnection: close\r\n\r\nfirst", answer);
        Assert.DoesNotContain("Proxy-Authorization", string.Concat(web.Heads));
    }

    [Fact]
    public void Any_number_of_interim_answers_pass_before_the_last()
    {
        var interim = string.Concat(Enumerable.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 20_000));
        using var world = new TestWorld();
        using var web = new WebServer((_, _) => [.. Encoding.ASCII.GetBytes(interim), .. WebServer.Ok("a page")]);
        using var client = world.Connect();

        client.GetStream().Write(Encoding.ASCII.GetBytes($"GET http://{Target}:{web.Port}/ HTTP/1.1\r\n\r\n"));
        var answer = new StreamReader(client.GetStream()).ReadToEnd();

        Assert.Equal(interim + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\na page", answer);
    }

    [Theory]
    [InlineData("no HTTP at all\r\n\r\n", true)]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Le", true)]
    [InlineData("", true)]
    [InlineData("HTTP/1.1 204 No Content\r\nKeep-Alive: x\r\nConnection: keep-alive\r\n\r\n", false)]
    public void An_answer_that_is_no_HTTP_becomes_a_502(string sent, bool bad)
    {
        using var world = new TestWorld();
        using var web = new WebServer((_, _) => Encoding.ASCII.GetBytes(sent));
        using var client = world.Connect();

        client.GetStream().Write(Encoding.ASCII.GetBytes($"GET http://{Target}:{web.Port}/ HTTP/1.1\r\n\r\n"));
        var answer = new StreamReader(client.GetStream()).ReadToEnd();

        if (bad)
            Assert.StartsWith("HTTP/1.1 502 ", answer);
        else
            Assert.Equal("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", answer);
    }
}
