using Macro.Core;

namespace Macro.Simulation;

/// <summary>One NAT or firewall: translates and filters datagrams as RFC 4787 names it, in virtual time.</summary>
public sealed class NatBox(NatBoxKind kind, IpAddress outside, NatBox? upstream, IRandom random)
{
    const int FirstPort = 1024;

    sealed class Mapping(Endpoint inside, Endpoint? remote, ushort port)
    {
        public readonly Endpoint Inside = inside;
        public readonly Endpoint? Remote = remote;
        public readonly ushort Port = port;
        public readonly Dictionary<Endpoint, Instant> Sent = [];
        public Instant Used;
    }

    readonly Dictionary<(Endpoint, Endpoint?), Mapping> _byInside = [];
    readonly Dictionary<Endpoint, Mapping> _byOutside = [];
    ushort _next = 40000;

    public NatBoxKind Kind { get; } = kind;

    /// <summary>Its address in the network before it; a firewall has none, its hosts keep theirs.</summary>
    public IpAddress Outside { get; } = outside;

    public NatBox? Upstream { get; } = upstream;

    /// <summary>Forgets everything, as by a loss of power.</summary>
    public void Reboot()
    {
        _byInside.Clear();
        _byOutside.Clear();
    }

    /// <summary>A datagram leaves: its source as seen outside. False when it is dropped.</summary>
    public bool TryLeave(Endpoint inside, Endpoint to, Instant now, out Endpoint source)
    {
        source = default;
        if (Kind.BlocksUdp)
            return false;
        var key = (inside, Kind.Ports is OutsidePort.Sequential or OutsidePort.Random ? to : (Endpoint?)null);
        if (!_byInside.TryGetValue(key, out var mapping) || IsForgotten(mapping, now))
        {
            if (mapping is not null)
                _byOutside.Remove(OutsideOf(mapping));
            mapping = new Mapping(inside, key.Item2, ChoosePort(inside.Port, now));
            _byInside[key] = _byOutside[OutsideOf(mapping)] = mapping;
        }
        mapping.Used = mapping.Sent[to] = now;
        source = OutsideOf(mapping);
        return true;
    }

    /// <summary>A datagram arrives at an outside endpoint: where it goes inside. False when it is dropped.</summary>
    public bool TryEnter(Endpoint from, Endpoint to, Instant now, out Endpoint inside)
    {
        inside = default;
        if (Kind.BlocksUdp || !_byOutside.TryGetValue(to, out var mapping) || IsForgotten(mapping, now) || !IsLetIn(mapping, from, now))
            return false;
        inside = mapping.Inside;
        return true;
    }

    bool IsLetIn(Mapping mapping, Endpoint from, Instant now) => Kind.Filtering switch
    {
        Filtering.EndpointIndependent => true,
        Filtering.AddressDependent => mapping.Sent.Any(s => s.Key.Address == from.Address && now - s.Value < Kind.Timeout),
        _ => mapping.Sent.TryGetValue(from, out var sent) && now - sent < Kind.Timeout,
    };

    bool IsForgotten(Mapping mapping, Instant now) => now - mapping.Used >= Kind.Timeout;

    Endpoint OutsideOf(Mapping mapping) => Kind.Ports == OutsidePort.None ? mapping.Inside : new Endpoint(Outside, mapping.Port);

    ushort ChoosePort(ushort wish, Instant now)
    {
        var port = Kind.Ports switch
        {
            OutsidePort.Sequential => _next++,
            OutsidePort.Random => (ushort)(FirstPort + random.NextInt(65536 - FirstPort)),
            _ => wish,
        };
        while (Kind.Ports != OutsidePort.None && _byOutside.TryGetValue(new Endpoint(Outside, port), out var taken) && !IsForgotten(taken, now))
            port = Kind.Ports == OutsidePort.Sequential ? _next++ : (ushort)(FirstPort + random.NextInt(65536 - FirstPort));
        return port;
    }
}
