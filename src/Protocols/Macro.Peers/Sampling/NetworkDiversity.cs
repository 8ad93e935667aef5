using Macro.Core;

namespace Macro.Peers;

/// <summary>
/// Relays that hardly belong together: at most one in each /24 (IPv4) and /48 (IPv6), two in each /16 and /32. Names cost little,
/// addresses in many networks do not.
/// </summary>
public sealed class NetworkDiversity
{
    readonly HashSet<Prefix> _near = [];
    readonly Dictionary<Prefix, int> _wide = [];

    /// <summary>The network of an address that counts as one place: /16 or /32.</summary>
    public static Prefix WideOf(IpAddress address) => new(address, address.IsV4 ? 16 : 32);

    /// <summary>True, and it counts from now on, when all its endpoints keep to the limits beside those that count already.</summary>
    public bool TryAdd(Descriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        var near = descriptor.Endpoints.Select(e => new Prefix(e.Address, e.Address.IsV4 ? 24 : 48)).Distinct().ToArray();
        var wide = descriptor.Endpoints.Select(e => WideOf(e.Address)).Distinct().ToArray();
        if (near.Any(_near.Contains) || wide.Any(w => _wide.GetValueOrDefault(w) >= 2))
            return false;
        _near.UnionWith(near);
        foreach (var prefix in wide)
            _wide[prefix] = _wide.GetValueOrDefault(prefix) + 1;
        return true;
    }
}
