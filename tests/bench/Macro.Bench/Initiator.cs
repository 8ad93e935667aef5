using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Bench;

/// <summary>The other side of a handshake: one client with a key of its own.</summary>
sealed class Initiator : IDisposable
{
    readonly byte[] _buffer = new byte[2048];
    readonly PrivateKey _key;
    readonly Tunnel _tunnel;

    public Initiator(PrivateKey key, PublicKey responder, IRandom random)
    {
        _key = key;
        _tunnel = new Tunnel(new TunnelOptions { PrivateKey = key, Remote = responder }, new IndexTable(), random);
    }

    public byte[] Initiate(Instant now)
    {
        _tunnel.Initiate(now);
        return Take(_tunnel.HandleTimeout(_buffer, now));
    }

    /// <summary>The next attempt, which bears the cookie when one came meanwhile.</summary>
    public byte[] Retry(Instant now) => Take(_tunnel.HandleTimeout(_buffer, now));

    /// <summary>A response or cookie reply.</summary>
    public void Receive(ReadOnlySpan<byte> datagram, Instant now) => _tunnel.Decapsulate(datagram, _buffer, now);

    public byte[] Request(ControlMessage message, Instant now)
    {
        var body = ControlCodec.Encode(message);
        var frame = new byte[Frame.HeaderSize + body.Length];
        new Frame(FrameType.Control, 0, (ushort)body.Length, 1).Write(frame);
        body.CopyTo(frame, Frame.HeaderSize);
        return Take(_tunnel.Encapsulate(frame, _buffer, now));
    }

    public void Dispose()
    {
        _tunnel.Dispose();
        _key.Dispose();
    }

    byte[] Take(TunnelOutput output) => output.Kind == TunnelOutputKind.ToNetwork
        ? _buffer[..output.Length]
        : throw new InvalidOperationException($"The client gave {output.Kind} and no datagram.");
}
