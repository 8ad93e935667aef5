using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>A relay made by hand: it answers handshakes as a relay does, and then says to its client whatever the test wants.</summary>
sealed class RogueRelay
{
    readonly World _world;
    readonly PrivateKey _key;
    readonly HandshakeGate _gate;
    readonly IndexTable _indices = new();
    readonly byte[] _buffer = new byte[4096];
    Tunnel? _tunnel;
    Endpoint _client;

    public RogueRelay(World world, string endpoint, bool exit)
    {
        _world = world;
        _key = PrivateKey.Generate(world.Random);
        _gate = new HandshakeGate(_key, world.Random);
        var at = Endpoint.Parse(endpoint);
        var region = exit ? "NL" : "ZZ";
        Candidate = new Candidate
        {
            Id = new NodeId(_key.PublicKey),
            IsExit = exit,
            Endpoints = [at],
            Target = new HopTarget { Name = endpoint, RelayKey = _key.PublicKey, Endpoint = at, Descriptor = SimNode.Describe(at), Region = region },
        };
        world.Listen(at, Receive);
    }

    public Candidate Candidate { get; }

    /// <summary>Gets each request of the client with its number; what it returns is the answer.</summary>
    public Func<ControlMessage, ControlAnswer?> Answer { get; set; } = _ => null;

    /// <summary>Handshakes that were begun here.</summary>
    public int Handshakes { get; private set; }

    /// <summary>Forward frames that came from the client.</summary>
    public List<(uint Channel, byte[] Message)> Forwarded { get; } = [];

    public void Send(FrameType type, uint channel, byte[] body)
    {
        var frame = new byte[Frame.HeaderSize + body.Length];
        new Frame(type, 0, (ushort)body.Length, channel).Write(frame);
        body.CopyTo(frame, Frame.HeaderSize);
        Send(frame);
    }

    public void Send(byte[] payload) => Transmit(_tunnel!.Encapsulate(payload, _buffer, _world.Now));

    void Receive(byte[] datagram, Endpoint source)
    {
        _client = source;
        if (_gate.TryReadInitiation(datagram, _world.Now, out var initiation))
        {
            Handshakes++;
            var options = new TunnelOptions { PrivateKey = _key, Remote = initiation.Remote, MayInitiate = false, Mtu = CircuitMtu.Payload };
            _tunnel = new Tunnel(options, _indices, _world.Random);
            Transmit(_tunnel.AcceptInitiation(initiation, _buffer, _world.Now));
            return;
        }
        if (_tunnel is null)
            return;
        var output = _tunnel.Decapsulate(datagram, _buffer, _world.Now);
        var payload = output.Packet.ToArray();
        // The first proof makes the session the one to send with.
        while (_tunnel.HandleTimeout(_buffer, _world.Now) is { Kind: TunnelOutputKind.ToNetwork } due)
            Transmit(due);
        if (!Frame.TryRead(payload, out var frame))
            return;
        var body = payload.AsSpan(Frame.HeaderSize, frame.Length).ToArray();
        if (frame.Type == FrameType.Forward)
            Forwarded.Add((frame.Channel, body));
        else if (ControlCodec.Decode(body, out var message, out _, out _) == ControlVerdict.Ok && Answer(message!) is { } answer)
            Send(FrameType.Control, frame.Channel, ControlCodec.Encode(answer));
    }

    void Transmit(TunnelOutput output)
    {
        if (output.Kind == TunnelOutputKind.ToNetwork)
            _world.Send(Candidate.Target.Endpoint, _client, _buffer[..output.Length]);
    }
}
