using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// Has the gateway of one network lead a UDP port to us: finds out by all protocols at once what it speaks, keeps one
/// mapping by the best of them, and for IPv6 one pinhole; renews, follows, and removes them at the end.
/// </summary>
/// <remarks>
/// One mapping and not one by each: gateways keep all of them in one table, where removing the lesser one would remove the
/// better one too. The owner sends what is in the outbox from the address that the gateway knows us by, makes the
/// requests, and comes back at <see cref="NextTimeout"/>.
/// </remarks>
public sealed class PortMapper
{
    static readonly TimeSpan s_searchAgain = TimeSpan.FromMinutes(10);

    readonly Gateway? _v4, _v6;
    readonly GatewayRequests _requests = new();
    readonly Queue<MapperEvent> _events = new();
    readonly GatewayEpoch _pcpEpoch = new(), _pcp6Epoch = new(), _natPmpEpoch = new();
    readonly PcpClient? _pcp, _pcp6;
    readonly NatPmpClient? _natPmp;
    readonly IgdDiscovery? _discovery;
    readonly IgdMapping? _igd;
    readonly IgdPinhole? _igdPinhole;
    readonly MappingClient[] _mappers, _pinholers;
    readonly Instant _patienceEnds;
    Instant _searchAgain;
    IpAddress? _observed;
    bool _waits = true;
    bool _releasing;

    /// <param name="v4">Null where there is no IPv4 gateway.</param>
    /// <param name="v6">Null where there is no IPv6 gateway, or no global address.</param>
    public PortMapper(Gateway? v4, Gateway? v6, PortMapperOptions options, IRandom random, Outbox outbox, Instant now)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_v4, _v6) = (v4, v6);
        if (v4 is { } gateway)
        {
            _pcp = new PcpClient(gateway, options, random, outbox, _events);
            _natPmp = new NatPmpClient(gateway, options, random, outbox, _events);
            _igd = new IgdMapping(gateway, options, random, _requests, _events);
            _discovery = new IgdDiscovery(gateway, outbox, _requests) { Found = UseServices };
            if (v6 is { } with)
                _igdPinhole = new IgdPinhole(with.Own, options, random, _requests, _events);
        }
        if (v6 is { } gateway6)
            _pcp6 = new PcpClient(gateway6, options, random, outbox, _events);
        _mappers = [.. new MappingClient?[] { _pcp, _natPmp, _igd }.OfType<MappingClient>()];
        _pinholers = [.. new MappingClient?[] { _pcp6, _igdPinhole }.OfType<MappingClient>()];
        _patienceEnds = now + options.Patience;
        Search(now);
    }

    /// <summary>What leads to us over IPv4, with the word whether to believe it.</summary>
    public Mapping? Mapping => Standing(_mappers)?.Mapping;

    /// <summary>The hole in the IPv6 firewall.</summary>
    public Mapping? Pinhole => Standing(_pinholers)?.Mapping;

    /// <summary>What the gateway was found to speak.</summary>
    public IEnumerable<MappingProtocol> Found =>
        from client in _mappers.Concat(_pinholers) where client.WasFound group client by client.Protocol into one orderby one.Key select one.Key;

    /// <summary>No answer to anything: the gateway offers nothing, or nothing yet.</summary>
    public bool FoundNothing => !_mappers.Concat(_pinholers).Any(client => client.WasFound);

    public bool IsReleased => _releasing && _mappers.Concat(_pinholers).All(client => client.Stage == MappingStage.Released);

    public Instant NextTimeout
    {
        get
        {
            var next = _releasing ? Instant.Never : _searchAgain;
            foreach (var client in _mappers)
                next = Instant.Min(next, client.NextTimeout);
            foreach (var client in _pinholers)
                next = Instant.Min(next, client.NextTimeout);
            if (_discovery is not null && !_releasing)
                next = Instant.Min(next, _discovery.NextTimeout);
            return _waits && !_releasing ? Instant.Min(next, _patienceEnds) : next;
        }
    }

    /// <summary>An HTTP request to make now.</summary>
    public bool TryTakeRequest(out GatewayRequest request) => _requests.TryTake(out request);

    public bool TryTakeEvent(out MapperEvent happened) => _events.TryDequeue(out happened);

    /// <param name="body">Of a reply of any status; null when none came.</param>
    public void HandleReply(int number, byte[]? body, Instant now)
    {
        _requests.Handle(number, body, now);
        Decide(now);
    }

    /// <summary>A datagram to the socket that the outbox is sent from, or to port 5350 of all hosts.</summary>
    public void HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        if (source.Port == PcpMessage.ServerPort && source.Address == _v6?.Address)
            HandlePcp(datagram, _pcp6!, _pcp6Epoch, now);
        else if (source.Address != _v4?.Address)
            return;
        else if (source.Port != PcpMessage.ServerPort)
            _discovery!.Handle(datagram, source);
        else if (NatPmpMessage.TryParse(datagram, out var natPmp))
            HandleNatPmp(natPmp, now);
        else
            HandlePcp(datagram, _pcp!, _pcpEpoch, now);
        Decide(now);
    }

    /// <summary>Most others see us at this address: a gateway that names another one is not believed.</summary>
    public void Observe(IpAddress outside)
    {
        _observed = outside;
        Judge();
    }

    public void HandleTimeout(Instant now)
    {
        if (_discovery?.NextTimeout <= now && !_releasing)
            _discovery.HandleTimeout(now);
        foreach (var client in _mappers.Concat(_pinholers))
            if (client.NextTimeout <= now)
                client.HandleTimeout(now);
        if (_searchAgain <= now && !_releasing)
            Search(now);
        Decide(now);
    }

    /// <summary>The outside address has changed or the machine slept: asks for everything again.</summary>
    public void Refresh(Instant now)
    {
        if (_releasing)
            return;
        Standing(_mappers)?.Map(now);
        Standing(_pinholers)?.Map(now);
        if (Mapping is null)
            Search(now);
    }

    /// <summary>Removes what stands. Done at <see cref="IsReleased"/>; who cannot wait leaves the rest to the lease.</summary>
    public void Release(Instant now)
    {
        _releasing = true;
        foreach (var client in _mappers.Concat(_pinholers))
            client.Release(now);
    }

    void Search(Instant now)
    {
        _searchAgain = now + s_searchAgain;
        Search(_mappers, now);
        Search(_pinholers, now);
        if (_discovery is { Description: null } && Mapping is null)
            _discovery.Search(now);
    }

    static void Search(MappingClient[] clients, Instant now)
    {
        if (Standing(clients) is not null)
            return;
        foreach (var client in clients)
            client.ProbeAgain(now);
    }

    void UseServices(DeviceDescription description, Instant now)
    {
        if (description.Connection is { } connection)
            _igd!.Use(connection, now);
        // Over IPv6: gateways open holes only for the address that asks.
        if (description.Firewall is { } firewall && _v6 is { } v6)
            _igdPinhole!.Use(firewall with { Control = firewall.Control with { Host = firewall.Control.Host with { Address = v6.Address } } }, now);
    }

    void HandlePcp(ReadOnlySpan<byte> datagram, PcpClient client, GatewayEpoch epoch, Instant now)
    {
        if (!PcpMessage.TryParse(datagram, out var message))
            return;
        if (!epoch.IsContinued(message.Epoch, now))
            Restart(client, now);
        client.Handle(message, now);
    }

    void HandleNatPmp(NatPmpMessage message, Instant now)
    {
        if (!_natPmpEpoch.IsContinued(message.Epoch, now))
            Restart(_natPmp!, now);
        if (message.Result == NatPmpResult.UnsupportedVersion)
            _pcp!.HandleOtherVersion();
        _natPmp!.Handle(message, now);
    }

    /// <summary>One gateway has one table: what it lost by one protocol it lost by all.</summary>
    void Restart(MappingClient heard, Instant now)
    {
        _events.Enqueue(new MapperEvent(MapperEventKind.Restarted, heard.Protocol));
        foreach (var client in _mappers.Concat(_pinholers))
            client.Renew(now);
    }

    /// <summary>Where nothing stands and nothing is being asked for, the best one that was found is asked.</summary>
    void Decide(Instant now)
    {
        if (_releasing)
            return;
        _waits = now < _patienceEnds;
        Decide(_mappers, now);
        Decide(_pinholers, now);
        Judge();
    }

    void Decide(MappingClient[] clients, Instant now)
    {
        if (clients.Any(client => client.Stage is MappingStage.Mapped or MappingStage.Asking))
            return;
        foreach (var client in clients)
        {
            if (client.Stage == MappingStage.Found)
            {
                client.Map(now);
                return;
            }
            // A better one may still answer.
            if (client.Stage == MappingStage.Probing && _waits)
                return;
        }
    }

    void Judge()
    {
        foreach (var client in _mappers)
            if (client.Mapping is { } mapping)
                client.Judge(TrustOf(mapping.Outside.Address));
    }

    MappingTrust TrustOf(IpAddress outside) =>
        outside == _observed ? MappingTrust.Confirmed
        : !AddressScope.IsPublic(outside) ? MappingTrust.Nested
        : _observed is null ? MappingTrust.Unchecked
        : MappingTrust.Contradicted;

    static MappingClient? Standing(MappingClient[] clients) => Array.Find(clients, client => client.Stage is MappingStage.Mapped);
}
