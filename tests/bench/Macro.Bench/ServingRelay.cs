using System.Buffers.Binary;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Bench;

/// <summary>A relay without network: what it sends is kept until the next datagram.</summary>
sealed class ServingRelay
{
    readonly byte[] _buffer = new byte[2048];
    readonly Outbox _outbox = new();
    readonly Relay _relay;

    /// <param name="sessions">How many will come. It has room for more, as a relay that fills up asks for cookies.</param>
    public ServingRelay(PrivateKey key, int sessions, IRandom random)
    {
        PublicKey = key.PublicKey;
        _relay = new Relay(Indices, Switches, new NumberedHops(), _outbox, random);
        _relay.Configure(new RelayOptions { IsRelay = true, MaxSessions = 4 * sessions }, leases: null, Instant.UnixEpoch);
        _relay.SetKeys([key]);
    }

    public PublicKey PublicKey { get; }
    public IndexTable Indices { get; } = new();
    public SwitchTable Switches { get; } = new();
    public RelayCounters Counters => _relay.Counters;

    /// <summary>The one answer to the last datagram.</summary>
    public ReadOnlySpan<byte> Answer =>
        _outbox.Batch.Slots is [var slot, ..] ? _outbox.Batch.Buffer.AsSpan(slot.Offset, slot.Length) : default;

    public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        _outbox.Batch.Clear();
        _relay.HandleDatagram(datagram, source, now);
    }

    /// <summary>A data message with a control message inside.</summary>
    public void HandleData(ReadOnlySpan<byte> datagram, Instant now)
    {
        _outbox.Batch.Clear();
        if (!Message.TryReadReceiver(datagram, out var index) || !Indices.TryFind(index, out var tunnel, out _) || tunnel?.Context is not Inbound inbound)
            throw new InvalidOperationException("The relay does not know the session.");
        var output = tunnel.Decapsulate(datagram, _buffer, now);
        if (output.Kind != TunnelOutputKind.ToTunnel)
            throw new InvalidOperationException($"The relay gave {output.Kind} for data: {output.Reason}.");
        _relay.HandleActivity(inbound, now);
        _relay.HandlePayload(inbound, output.Packet, now);
    }

    /// <summary>Of a thousand next hops, the one whose number is the descriptor.</summary>
    public static Endpoint NextHop(int number) => Endpoint.Parse($"198.51.{number / 250 % 4}.{number % 250 + 1}:51820");

    sealed class NumberedHops : IHopVerifier
    {
        readonly Endpoint[] _hops = [.. Enumerable.Range(0, 1000).Select(NextHop)];

        public ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
        {
            next = new NextHop { Endpoint = _hops[BinaryPrimitives.ReadInt32LittleEndian(descriptor)] };
            return ControlStatus.Ok;
        }
    }
}
