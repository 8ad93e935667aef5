using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Nat.PortMapping;

/// <summary>
/// MAP by PCP (RFC 6887): a port of the gateway's outside for IPv4, a pinhole in its firewall for IPv6. The request for the
/// mapping is itself the probe, so that a gateway costs one round trip.
/// </summary>
sealed class PcpClient : MappingClient
{
    // RFC 6887 8.1.1: 3 s, doubled up to 1024 s, each with a tenth of jitter.
    static readonly TimeSpan s_first = TimeSpan.FromSeconds(3), s_longest = TimeSpan.FromSeconds(1024);

    /// <summary>Requests without an answer until the gateway counts as one that does not speak PCP.</summary>
    const int MostProbes = 3;

    readonly Gateway _gateway;
    readonly Outbox _outbox;
    readonly UInt128 _nonce;
    Endpoint _wish;
    int _sent;

    public PcpClient(Gateway gateway, PortMapperOptions options, IRandom random, Outbox outbox, Queue<MapperEvent> events)
        : base(options, random, events)
    {
        (_gateway, _outbox) = (gateway, outbox);
        _wish = new Endpoint(gateway.Own.IsV4 ? IpAddress.V4Any : IpAddress.V6Any, options.Port);
        _nonce = NonceOf(gateway, options);
    }

    public override MappingProtocol Protocol => MappingProtocol.Pcp;

    public override void Probe(Instant now) => Map(now);

    public override void Map(Instant now)
    {
        if (Stage != MappingStage.Mapped)
            Stage = WasFound ? MappingStage.Asking : MappingStage.Probing;
        _sent = 0;
        Send((uint)Options.LeaseSeconds, now);
    }

    public override void Release(Instant now)
    {
        var asked = Stage is MappingStage.Probing or MappingStage.Asking;
        _sent = 0;
        if (asked || Mapping is not null)
            Send(0, now);
        if (Mapping is not null)
            Stage = MappingStage.Releasing;
        else
            Released();
    }

    protected override void Repeat(Instant now)
    {
        switch (Stage)
        {
            case MappingStage.Probing or MappingStage.Asking when _sent >= MostProbes:
                Due = Instant.Never;
                Stage = MappingStage.Absent;
                break;
            case MappingStage.Releasing:
                Send(0, now);
                break;
            case MappingStage.Refused:
                Map(now);
                break;
            case var _:
                Send((uint)Options.LeaseSeconds, now);
                break;
        }
    }

    /// <summary>A message of version 2 from this client's gateway.</summary>
    public void Handle(PcpMessage message, Instant now)
    {
        if (message.Opcode != PcpOpcode.Map || message.Nonce != _nonce || message.InternalPort != Options.Port
            || Stage is MappingStage.Released)
            return;
        if (Stage == MappingStage.Releasing)
        {
            Released();
            return;
        }
        if (message.Result != PcpResult.Success)
            Refuse(message, now);
        // A pinhole translates nothing; a mapping without a port, or of the other family, is none.
        else if (message.Lifetime == 0 || message.External.Port == 0 || message.External.Address.IsV4 != _gateway.Own.IsV4)
            Refuse((int)PcpResult.MalformedRequest);
        else
        {
            _wish = message.External;
            Grant(message.External, message.Lifetime, now);
        }
    }

    /// <summary>The gateway speaks NAT-PMP only, which it says by its version 0 (RFC 6887 9).</summary>
    public void HandleOtherVersion()
    {
        if (WasFound || Stage is not MappingStage.Probing)
            return;
        Due = Instant.Never;
        Stage = MappingStage.Absent;
    }

    void Refuse(PcpMessage message, Instant now)
    {
        Refuse((int)message.Result);
        // The lifetime of an error says how long it will stand.
        Due = now + TimeSpan.FromSeconds(Math.Clamp(message.Lifetime, 30, 1800));
    }

    void Send(uint lifetime, Instant now)
    {
        Span<byte> room = stackalloc byte[PcpMessage.MapSize];
        var length = PcpMessage.WriteMap(room, _gateway.Own, lifetime, _nonce, Options.Port, _wish);
        _outbox.Send(room[..length], new Endpoint(_gateway.Address, PcpMessage.ServerPort));
        var wait = s_first * Math.Pow(2, Math.Min(_sent++, 16));
        if (wait > s_longest)
            wait = s_longest;
        Due = now + wait * (0.9 + 0.2 * Random.NextDouble());
    }

    /// <summary>The same after a restart: only who knows the nonce may change a mapping.</summary>
    static UInt128 NonceOf(Gateway gateway, PortMapperOptions options)
    {
        Span<byte> subject = stackalloc byte[34];
        gateway.Address.WriteMapped(subject);
        gateway.Own.WriteMapped(subject[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(subject[32..], options.Port);
        Span<byte> hash = stackalloc byte[16];
        Blake2s.Mac(hash, options.Secret.Span, subject);
        return new UInt128(BinaryPrimitives.ReadUInt32BigEndian(hash), BinaryPrimitives.ReadUInt64BigEndian(hash[4..]));
    }
}
