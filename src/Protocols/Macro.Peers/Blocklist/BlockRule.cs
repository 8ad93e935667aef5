using System.Globalization;
using Macro.Core;

namespace Macro.Peers;

/// <summary>What a relay is judged by.</summary>
public readonly record struct BlockSubject(NodeId Id, IReadOnlyList<Endpoint> Endpoints, string Country, uint Asn);

/// <summary>
/// A rule of the user's that keeps relays out of every circuit: a node id, an address prefix, a country of two letters, or an autonomous
/// system as in "AS64496".
/// </summary>
public readonly record struct BlockRule
{
    readonly NodeId? _id;
    readonly Prefix? _network;
    readonly string? _country;
    readonly uint _asn;

    BlockRule(NodeId? id, Prefix? network, string? country, uint asn) => (_id, _network, _country, _asn) = (id, network, country, asn);

    public static BlockRule Of(NodeId id) => new(id, null, null, 0);

    /// <summary>Exactly the forms above; letters of a country and of "AS" may be small.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out BlockRule rule)
    {
        rule = default;
        if (text is [var a, var b] && char.IsAsciiLetter(a) && char.IsAsciiLetter(b))
            rule = new BlockRule(null, null, text.ToString().ToUpperInvariant(), 0);
        else if (text is ['A' or 'a', 'S' or 's', .. var digits] && uint.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var asn) && asn > 0)
            rule = new BlockRule(null, null, null, asn);
        else if (NodeId.TryParse(text, out var id))
            rule = Of(id);
        else if (Prefix.TryParse(text, out var network))
            rule = new BlockRule(null, network, null, 0);
        else
            return false;
        return true;
    }

    public bool Matches(BlockSubject relay) =>
        _id is { } id ? relay.Id == id
        : _network is { } network ? relay.Endpoints.Any(endpoint => network.Contains(endpoint.Address))
        : _country is { } country ? relay.Country == country
        : _asn != 0 && relay.Asn == _asn;

    /// <summary>What <see cref="TryParse"/> reads.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"{_id?.ToString() ?? _network?.ToString() ?? _country ?? $"AS{_asn}"}");
}
