using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>Which packets a stack takes: by where they say that they come from, and by where they go (RFC 1122 3.2.1.3).</summary>
sealed class AddressRules
{
    readonly IpAddress[] _own;

    public AddressRules(IReadOnlyList<IpAddress> own) => _own = [.. own];

    /// <summary>Answers for every destination.</summary>
    public bool IsAny => _own.Length == 0;

    public bool IsOwn(IpAddress address) => _own.AsSpan().Contains(address);

    /// <summary>The stack's address of a family.</summary>
    public bool TryFind(bool v4, out IpAddress address)
    {
        foreach (var own in _own)
            if (own.IsV4 == v4)
            {
                address = own;
                return true;
            }
        address = default;
        return false;
    }

    public bool Accepts(in IpView packet)
    {
        // An IPv4-mapped address in an IPv6 header would pass for the IPv4 address later on.
        if (packet.Source.IsV4 != packet.IsV4 || packet.Destination.IsV4 != packet.IsV4 || packet.IsSourceRouted)
            return false;
        // A packet from one's own address to oneself is an attack on hosts that answer it (LAND).
        return IsUnicast(packet.Source) && packet.Source != packet.Destination
            && (IsAny ? IsUnicast(packet.Destination) : IsOwn(packet.Destination) && !IsOwn(packet.Source));
    }

    /// <summary>
    /// An address that one host can have: not this network, multicast, reserved or broadcast, nor the loopback addresses that
    /// every machine uses for itself; networks on a single machine have others of 127.0.0.0/8.
    /// </summary>
    static bool IsUnicast(IpAddress address) => address.IsV4
        ? (address.V4Bits >> 24) is not (0 or >= 224) && address.V4Bits >> 16 != 0x7f00
        : address.Bits > 1 && address.Bits >> 120 != 0xff;
}
