using Macro.Core;
using Macro.Nat;

namespace Macro.Engine;

/// <summary>What a node can say of its NAT from what the relays that it has sessions with tell it, on the very socket in use.</summary>
static class Observations
{
    /// <summary>Ports of a NAT that counts them lie so near to each other.</summary>
    const int Near = 64;

    /// <param name="seen">Its endpoint as each of them sees it.</param>
    /// <param name="own">Endpoints of its interfaces.</param>
    /// <returns>Null when nobody has told.</returns>
    public static PunchOffer? Describe(IReadOnlyCollection<Endpoint> seen, IReadOnlyList<Endpoint> own)
    {
        Endpoint[] v4 = [.. seen.Where(e => !e.IsNone && e.Address.IsV4).OrderBy(e => e.Port)];
        if (v4.Length == 0)
            return seen.Any(e => !e.IsNone) ? PunchOffer.Describe(PortAllocation.None, 0, own, default) : null;
        var allocation = own.Contains(v4[^1]) ? PortAllocation.None
            : v4.Length == 1 ? PortAllocation.Unknown
            : v4[0] == v4[^1] ? PortAllocation.Kept
            : v4[^1].Port - v4[0].Port <= Near ? PortAllocation.Sequential
            : PortAllocation.Random;
        return PunchOffer.Describe(allocation, (sbyte)(allocation == PortAllocation.Sequential ? 1 : 0), own, v4[^1]);
    }
}
