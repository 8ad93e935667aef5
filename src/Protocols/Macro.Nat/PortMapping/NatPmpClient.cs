using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>A mapping by NAT-PMP (RFC 6886). The probe asks for the outside address, which a mapping needs anyway.</summary>
sealed class NatPmpClient(Gateway gateway, PortMapperOptions options, IRandom random, Outbox outbox, Queue<MapperEvent> events)
    : MappingClient(options, random, events)
{
    // RFC 6886 3.1: 250 ms, doubled; nine requests until the gateway counts as one that does not speak it.
    static readonly TimeSpan s_first = TimeSpan.FromMilliseconds(250);
    const int MostRequests = 9;

    IpAddress _outside;
    ushort _wish = options.Port;
    int _sent;

    public override MappingProtocol Protocol => MappingProtocol.NatPmp;

    public override void Probe(Instant now)
    {
        Stage = MappingStage.Probing;
        _sent = 0;
        Send(now);
    }

    public override void Map(Instant now)
    {
        if (Stage != MappingStage.Mapped)
            Stage = MappingStage.Asking;
        _sent = 0;
        Send(now);
    }

    public override void Release(Instant now)
    {
        var asked = Stage is MappingStage.Asking;
        (Stage, _sent) = (MappingStage.Releasing, 0);
        if (asked || Mapping is not null)
            Send(now);
        if (Mapping is null)
            Released();
    }

    protected override void Repeat(Instant now)
    {
        if (_sent < MostRequests)
            Send(now);
        else
        {
            Due = Instant.Never;
            // A mapping that stands lives on until its lease ends.
            if (Stage != MappingStage.Mapped)
                Stage = MappingStage.Absent;
        }
    }

    public void Handle(NatPmpMessage message, Instant now)
    {
        if (Stage == MappingStage.Released)
            return;
        if (message.Result != NatPmpResult.Success)
        {
            HandleError(message);
            return;
        }
        if (message.Opcode == NatPmpOpcode.ExternalAddress)
        {
            _outside = message.External;
            if (Stage == MappingStage.Probing)
                Due = Instant.Never;
            Found();
            if (Mapping is { } standing && standing.Outside.Address != _outside && Stage == MappingStage.Mapped)
                Grant(standing.Outside with { Address = _outside }, SecondsLeft(standing, now), now);
        }
        else if (message.InternalPort == Options.Port && Stage == MappingStage.Releasing)
            Released();
        else if (message.InternalPort == Options.Port && message.ExternalPort != 0 && message.Lifetime != 0 && Due != Instant.Never)
        {
            _wish = message.ExternalPort;
            Grant(new Endpoint(_outside, _wish), message.Lifetime, now);
        }
    }

    void HandleError(NatPmpMessage message)
    {
        if (message.Result == NatPmpResult.UnsupportedVersion)
            return;
        if (Stage == MappingStage.Releasing)
            Released();
        else if (message.Opcode == NatPmpOpcode.MapUdp)
            Refuse((int)message.Result);
    }

    void Send(Instant now)
    {
        Span<byte> room = stackalloc byte[16];
        var to = new Endpoint(gateway.Address, PcpMessage.ServerPort);
        // The outside address is asked for at every renewal: it may have changed.
        if (Stage != MappingStage.Releasing)
            outbox.Send(room[..NatPmpMessage.WriteExternalAddress(room)], to);
        if (Stage != MappingStage.Probing)
        {
            var (wish, lease) = Stage == MappingStage.Releasing ? ((ushort)0, 0u) : (_wish, (uint)Options.LeaseSeconds);
            outbox.Send(room[..NatPmpMessage.WriteMap(room, Options.Port, wish, lease)], to);
        }
        Due = now + s_first * (1 << _sent++);
    }

    static uint SecondsLeft(Mapping mapping, Instant now) => (uint)Math.Clamp((mapping.Ends - now).TotalSeconds, 1, 86_400);
}
