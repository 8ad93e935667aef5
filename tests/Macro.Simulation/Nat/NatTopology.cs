using Macro.Core;

namespace Macro.Simulation;

/// <summary>Who stands behind which NAT, and the way of a datagram through them. Every address is there once, private ones too.</summary>
public sealed class NatTopology
{
    readonly Dictionary<IpAddress, NatBox?> _hosts = [];
    readonly Dictionary<IpAddress, NatBox> _boxes = [];

    /// <summary>Places or moves a host. Hosts that were never placed are public.</summary>
    /// <param name="behind">Null: directly on the internet.</param>
    public void Place(IpAddress host, NatBox? behind)
    {
        _hosts[host] = behind;
        for (var box = behind; box is not null; box = box.Upstream)
            _boxes[box.Outside] = box;
    }

    /// <summary>A datagram sent now: from whom it seems to come where it arrives, and where that is. False when a NAT drops it.</summary>
    public bool TryRoute(Endpoint from, Endpoint to, Instant now, out Endpoint source, out Endpoint destination)
    {
        (source, destination) = (from, to);
        for (var box = _hosts.GetValueOrDefault(from.Address); box is not null; box = box.Upstream)
        {
            if (IsIn(to.Address, box))
                return TryDeliver(ref source, ref destination, box, now);
            if (to.Address == box.Outside && !box.Kind.Hairpin)
                return false;
            if (!box.TryLeave(source, to, now, out source))
                return false;
            if (to.Address == box.Outside)
                return box.TryEnter(source, to, now, out destination) && TryDeliver(ref source, ref destination, box, now);
        }
        return TryDeliver(ref source, ref destination, null, now);
    }

    /// <summary>Whether an address is of this network itself, not of one behind another NAT in it.</summary>
    bool IsIn(IpAddress address, NatBox? network) =>
        _boxes.TryGetValue(address, out var box) ? box.Upstream == network : _hosts.TryGetValue(address, out var behind) && behind == network;

    /// <summary>From a network down to the host.</summary>
    bool TryDeliver(ref Endpoint source, ref Endpoint destination, NatBox? network, Instant now)
    {
        while (_boxes.TryGetValue(destination.Address, out var box))
        {
            if (box.Upstream != network || !box.TryEnter(source, destination, now, out destination))
                return false;
            network = box;
        }
        if (!_hosts.TryGetValue(destination.Address, out var behind))
            return network is null;
        if (behind == network)
            return true;
        // A firewall's hosts have addresses of the network before it.
        return behind is { Kind.Ports: OutsidePort.None } && behind.Upstream == network && behind.TryEnter(source, destination, now, out destination);
    }
}
