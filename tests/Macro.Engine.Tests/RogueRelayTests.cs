using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>What a client takes from a relay that lies.</summary>
public class RogueRelayTests
{
    static readonly IpAddress s_web = IpAddress.Parse("203.0.114.7");
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly World _world = new(41);
    readonly SimNode _client;

    public RogueRelayTests() => _client = _world.Add("client", "44.1.0.1:5000");

    [Fact]
    public void An_entry_cannot_speak_for_the_exit()
    {
        var (entry, circuit) = Building();
        entry.Send(FrameType.Control, 0, ControlCodec.Encode(new OpenExitAnswer { Status = ControlStatus.Ok, V4 = true }));
        entry.Send(Packets.Udp(s_web, Packets.Client, 53, 4000, "from me"u8));
        for (var id = 0u; id < 50; id++)
            entry.Send(FrameType.Control, id, ControlCodec.Encode(new StatusAnswer(ControlType.Extend) { Status = ControlStatus.RefusedUnverified }));
        _world.Run(s_second / 10);
        Assert.Equal((CircuitState.Building, 1), (circuit.State, circuit.HopsReached));
        Assert.Empty(_client.Inbox);
    }

    [Fact]
    public void What_an_entry_puts_into_a_channel_must_be_the_next_hops()
    {
        var (entry, circuit) = Building();
        var (channel, initiation) = entry.Forwarded[0];
        Assert.True(Message.TryReadSender(initiation, out var index));
        foreach (var message in new[] { Adversary.Response(index), Adversary.Data(index), Adversary.Initiation(index), Adversary.Response(1), [], [4, 0, 0, 0] })
        {
            entry.Send(FrameType.Forward, channel, message);
            entry.Send(FrameType.Forward, channel + 1, message);
            entry.Send(FrameType.Forward, 0, message);
        }
        entry.Send([1, 0, 0xff, 0xff, 0, 0, 0, 0]);
        entry.Send([0xff]);
        // A message for the entry's own session, inside that session.
        entry.Send(FrameType.Forward, channel, Adversary.Data(circuit.Hops[0].Tunnel.Sending!.LocalIndex));
        _world.Run(s_second / 10);
        Assert.Equal((CircuitState.Building, 1), (circuit.State, circuit.HopsReached));
        Assert.Empty(_client.Inbox);
    }

    [Fact]
    public void Busy_without_end_ends_the_attempt_and_not_the_client()
    {
        var (entry, circuit) = Building();
        var channel = entry.Forwarded[0].Channel;
        for (var i = 0; i < 100; i++)
            entry.Send(FrameType.Control, channel, ControlCodec.Encode(new StatusAnswer(ControlType.Bind) { Status = ControlStatus.Busy }));
        _world.Run(s_second / 10);
        Assert.Equal(CircuitState.Closed, circuit.State);
        Assert.Equal(4, circuit.Hops[1].Attempts);
    }

    [Fact]
    public void Busy_leads_to_a_fresh_key_and_another_index()
    {
        var (entry, circuit) = Building();
        var key = circuit.Hops[1].PublicKey;
        entry.Send(FrameType.Control, entry.Forwarded[0].Channel, ControlCodec.Encode(new StatusAnswer(ControlType.Bind) { Status = ControlStatus.Busy }));
        _world.Run(s_second / 10);
        Assert.True(Message.TryReadSender(entry.Forwarded[0].Message, out var first));
        Assert.True(Message.TryReadSender(entry.Forwarded[1].Message, out var second));
        Assert.NotEqual(first, second);
        Assert.NotEqual(key, circuit.Hops[1].PublicKey);
    }

    [Fact]
    public void Forged_cookies_for_an_inner_hop_end_the_attempt_and_not_the_client()
    {
        // Who has a descriptor can make cookie replies in its relay's name.
        var (entry, circuit) = Building();
        for (var i = 0; i < entry.Forwarded.Count && i < 50; i++)
        {
            var (channel, initiation) = entry.Forwarded[i];
            entry.Send(FrameType.Forward, channel, CookieFor(initiation, circuit.Hops[1].Target.RelayKey));
            _world.Run(s_second / 10);
        }
        Assert.Equal(CircuitState.Closed, circuit.State);
        Assert.Equal(4, circuit.Hops[1].Attempts);
    }

    [Theory]
    [InlineData(ControlStatus.RefusedUnverified, 2)]
    [InlineData(ControlStatus.RefusedUnreachable, 2)]
    [InlineData(ControlStatus.RefusedPolicy, 1)]
    [InlineData(ControlStatus.RefusedLoad, 1)]
    public void Whom_a_refusal_is_blamed_on_depends_on_its_reason(ControlStatus status, int hop)
    {
        var (entry, circuit) = Building(extend: status);
        _world.Run(s_second);
        Assert.Equal(CircuitState.Closed, circuit.State);
        Assert.Equal((hop - 1, $"Extend refused: {status}"), (circuit.Failure!.HopIndex, circuit.Failure.Reason));
        Assert.NotEmpty(entry.Forwarded);
    }

    [Theory]
    [InlineData("100.64.0.3")]
    [InlineData("127.0.0.1")]
    [InlineData("192.168.1.5")]
    [InlineData("224.0.0.1")]
    public void An_exit_reaches_no_other_address_of_the_client(string address)
    {
        var exit = new RogueRelay(_world, "44.140.0.1:51820", exit: true)
        {
            Answer = request => request switch
            {
                OpenExit => new OpenExitAnswer { Status = ControlStatus.Ok, V4 = true, V6 = true },
                Probe probe => new ProbeAnswer { Status = ControlStatus.Ok, Token = probe.Token },
                _ => null,
            },
        };
        _client.Node.Controller.Candidates = [exit.Candidate];
        _client.Up(ConnectionMode.Speed);
        _world.RunUntil(() => _client.Node.Controller.Connection.State == ConnectionState.Active, s_second);
        exit.Send(Packets.Udp(s_web, IpAddress.Parse(address), 53, 4000, "knock"u8));
        exit.Send([0x45, 0, 0xff, 0xff]);
        exit.Send([0x60]);
        _world.Run(s_second);
        Assert.Empty(_client.Inbox);
    }

    /// <summary>A circuit of two hops whose entry is the rogue, at the moment when it has passed the second initiation to nobody.</summary>
    (RogueRelay Entry, Circuit Circuit) Building(ControlStatus? extend = null)
    {
        var entry = new RogueRelay(_world, "44.140.0.1:51820", exit: false)
        {
            Answer = request => request switch
            {
                Hello => new HelloAnswer { Status = ControlStatus.Ok },
                Extend when extend is { } status => new StatusAnswer(ControlType.Extend) { Status = status },
                _ => null,
            },
        };
        var exit = new RogueRelay(_world, "44.141.0.1:51820", exit: true);
        _client.Node.Controller.Candidates = [entry.Candidate, exit.Candidate];
        _client.Up(ConnectionMode.Balanced);
        var circuit = _client.Node.Controller.Shown!;
        _world.RunUntil(() => entry.Forwarded.Count > 0, s_second);
        return (entry, circuit);
    }

    /// <summary>A cookie reply as the whitepaper describes it (5.4.7), for whoever sent the message.</summary>
    byte[] CookieFor(byte[] initiation, PublicKey relay)
    {
        var reply = new byte[Message.CookieReplySize];
        reply[0] = 3;
        initiation.AsSpan(4, 4).CopyTo(reply.AsSpan(4));
        _world.Random.Fill(reply.AsSpan(8, 24));
        Span<byte> key = stackalloc byte[32], input = stackalloc byte[40];
        "cookie--"u8.CopyTo(input);
        relay.Write(input[8..]);
        Blake2s.Hash(key, input);
        XChaCha20Poly1305.Seal(reply.AsSpan(32), new byte[16], initiation.AsSpan(116, 16), reply.AsSpan(8, 24), key);
        return reply;
    }
}
