using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>
/// A client made by hand: one session with one relay, in which it says what it likes. Also sends raw datagrams, from any
/// source.
/// </summary>
sealed class Adversary
{
    readonly World _world;
    readonly PrivateKey _key;
    readonly IndexTable _indices = new();
    readonly byte[] _buffer = new byte[4096];
    uint _request;

    public Adversary(World world, string endpoint, SimNode relay)
    {
        (_world, Endpoint, Relay) = (world, Endpoint.Parse(endpoint), relay);
        _key = PrivateKey.Generate(world.Random);
        var options = new TunnelOptions { PrivateKey = _key, Remote = relay.Candidate.Target.RelayKey, Mtu = CircuitMtu.Payload };
        Tunnel = new Tunnel(options, _indices, world.Random);
        world.Listen(Endpoint, Receive);
    }

    public Endpoint Endpoint { get; private set; }
    public SimNode Relay { get; }
    public Tunnel Tunnel { get; }

    /// <summary>Answers to control requests, in the order of their arrival.</summary>
    public List<ControlAnswer> Answers { get; } = [];

    /// <summary>WireGuard messages that the relay handed back, with their channels.</summary>
    public List<(uint Channel, byte[] Message)> Forwarded { get; } = [];

    /// <summary>IP packets that came out of the session.</summary>
    public List<byte[]> Packets { get; } = [];

    /// <summary>Tokens of the challenges that reached it.</summary>
    public List<ulong> Challenges { get; } = [];

    /// <summary>From now on it sends from there and receives there, and nowhere else.</summary>
    public void MoveTo(string endpoint)
    {
        _world.Listen(Endpoint, (_, _) => { });
        Endpoint = Endpoint.Parse(endpoint);
        _world.Listen(Endpoint, Receive);
    }

    /// <summary>A handshake and the keepalive that proves it.</summary>
    public Adversary Connect()
    {
        Initiate();
        _world.RunUntil(() => Tunnel.IsConnected(_world.Now), TimeSpan.FromSeconds(1));
        _world.Run(TimeSpan.FromMilliseconds(100));
        return this;
    }

    public void Initiate()
    {
        Tunnel.Initiate(_world.Now);
        var output = Tunnel.HandleTimeout(_buffer, _world.Now);
        Assert.Equal(TunnelOutputKind.ToNetwork, output.Kind);
        _world.Send(Endpoint, Relay.Endpoint, _buffer[..output.Length]);
    }

    /// <summary>The status of the answer; null when none came within a second.</summary>
    public ControlStatus? Ask(ControlMessage message)
    {
        var before = Answers.Count;
        Send(message);
        _world.Run(TimeSpan.FromSeconds(1));
        return Answers.Count > before ? Answers[^1].Status : null;
    }

    public void Send(ControlMessage message) => SendFrame(FrameType.Control, _request++, ControlCodec.Encode(message));

    public void Forward(uint channel, byte[] message) => SendFrame(FrameType.Forward, channel, message);

    public void SendFrame(FrameType type, uint channel, byte[] body)
    {
        var frame = new byte[Frame.HeaderSize + body.Length];
        new Frame(type, 0, (ushort)body.Length, channel).Write(frame);
        body.CopyTo(frame, Frame.HeaderSize);
        SendPayload(frame);
    }

    public void SendPayload(byte[] payload, Endpoint? source = null)
    {
        var output = Tunnel.Encapsulate(payload, _buffer, _world.Now);
        if (output.Kind == TunnelOutputKind.ToNetwork)
            _world.Send(source ?? Endpoint, Relay.Endpoint, _buffer[..output.Length]);
    }

    /// <summary>148 bytes that a relay takes for an initiation; only the index in it means something.</summary>
    public static byte[] Initiation(uint sender)
    {
        var message = new byte[148];
        message[0] = 1;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), sender);
        return message;
    }

    /// <summary>92 bytes that a relay takes for the response of a next hop.</summary>
    public static byte[] Response(uint receiver)
    {
        var message = new byte[92];
        message[0] = 2;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), receiver);
        return message;
    }

    /// <summary>A data message without meaning.</summary>
    public static byte[] Data(uint receiver, int length = 32)
    {
        var message = new byte[length];
        message[0] = 4;
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), receiver);
        return message;
    }

    void Receive(byte[] datagram, Endpoint source)
    {
        var output = Tunnel.Decapsulate(datagram, _buffer, _world.Now);
        if (output.Kind == TunnelOutputKind.ToNetwork)
            _world.Send(Endpoint, Relay.Endpoint, _buffer[..output.Length]);
        if (output.Kind != TunnelOutputKind.ToTunnel)
            return;
        if (!Frame.TryRead(output.Packet, out var frame))
        {
            Packets.Add(output.Packet.ToArray());
            return;
        }
        var body = output.Packet.Slice(Frame.HeaderSize, frame.Length);
        if (frame.Type == FrameType.Forward)
            Forwarded.Add((frame.Channel, body.ToArray()));
        else if (ControlCodec.Decode(body, out var message, out _, out _) != ControlVerdict.Ok)
            return;
        else if (message is PathChallenge challenge)
            Challenges.Add(challenge.Token);
        else if (message is ControlAnswer answer)
            Answers.Add(answer);
    }
}
