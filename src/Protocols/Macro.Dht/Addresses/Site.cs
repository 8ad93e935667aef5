using Macro.Core;

namespace Macro.Dht;

/// <summary>What one customer of a provider has, as a rule: a /24 of IPv4, a /48 of IPv6. Limits count by it.</summary>
readonly record struct Site(UInt128 Bits)
{
    public static Site Of(IpAddress address) => new(address.IsV4 ? address.Bits >> 8 : address.Bits >> 80 << 80);
}
