using Macro.Core;

namespace Macro.Circuits;

/// <summary>One address of each family for the same session.</summary>
public readonly record struct AddressPair(IpAddress V4, IpAddress V6)
{
    /// <summary>What every client uses inside: 100.64.0.2 and fd6d:6163:726f::2, so that nothing tells clients apart.</summary>
    public static readonly AddressPair Inner = new(IpAddress.Parse("100.64.0.2"), IpAddress.Parse("fd6d:6163:726f::2"));

    public IpAddress OfFamily(bool v4) => v4 ? V4 : V6;
}
