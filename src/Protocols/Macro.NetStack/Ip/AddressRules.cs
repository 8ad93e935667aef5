using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>Which packets a stack takes: by where they say that they come from, and by where they go (RFC 1122 3.2.1.3).</summary>
sealed class AddressRules
{
    readonly IpAddress[] _own;
    readonly bool _farLoopback;

    /// <param name="farLoopback">See <see cref="StackOptions.FarLoopback"/>.</param>
    public AddressRules(IReadOnlyList<IpAddress> own, bool farLoopback) => (_own, _farLoopback) = ([.. own], farLoopback);

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
    /// An address that one host can have: not this network, loopback, multicast, reserved or broadcast. Where loopback is far,
    /// that does not hold for 127.0.0.0/16, which every machine uses for itself.
    /// </summary>
    bool IsUnicast(IpAddress address) => !address.IsV4
        ? address.Bits > 1 && address.Bits >> 120 != 0xff
        : (address.V4Bits >> 24) switch
        {
            0 or >= 224 => false,
            127 => _farLoopback && address.V4Bits >> 16 != 0x7f00,
            _ => true,
        };
}
