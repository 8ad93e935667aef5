using Macro.Core;
using Macro.Peers;

namespace Macro.Circuits;

/// <summary>Why a relay could not take a place in a path.</summary>
public enum Exclusion
{
    /// <summary>It is another hop of the path already.</summary>
    SameRelay,

    /// <summary>It belongs to the operator of another hop.</summary>
    SameFamily,

    /// <summary>It has an address in the /16 (IPv4) or /32 (IPv6) of another hop.</summary>
    SameNetwork,

    /// <summary>It is in the autonomous system of another hop.</summary>
    SameAsn,

    /// <summary>It is in the country of another hop.</summary>
    SameCountry,

    /// <summary>It stands behind a NAT, and the hop before it is none of its introducers.</summary>
    Unreachable,

    /// <summary>It takes no TCP, and UDP does not pass from here to the entry.</summary>
    NoTcp,

    /// <summary>An exit of another region.</summary>
    OtherRegion,

    /// <summary>An exit that does not let through what is wanted.</summary>
    ExitRule,
}

/// <summary>What two hops of a path must not share, and who can stand behind whom. docs/operations/routing.md.</summary>
static class Constraints
{
    /// <summary>The network that counts as one place: /16 of an IPv4 address, /32 of an IPv6 address.</summary>
    public static Prefix Network(IpAddress address) => new(address, address.IsV4 ? 16 : 32);

    /// <param name="countries">Whether two hops in one country are too near.</param>
    /// <returns>The first rule that keeps the two apart, or null.</returns>
    public static Exclusion? Between(Candidate a, Candidate b, bool countries)
    {
        if (a.Target.Name == b.Target.Name)
            return Exclusion.SameRelay;
        if (a.Family != 0 && a.Family == b.Family)
            return Exclusion.SameFamily;
        if (a.Networks.AsSpan().ContainsAny(b.Networks))
            return Exclusion.SameNetwork;
        if (a.Asn != 0 && a.Asn == b.Asn)
            return Exclusion.SameAsn;
        return countries && a.Region == b.Region && a.Region != Descriptor.UnknownRegion ? Exclusion.SameCountry : null;
    }

    /// <summary>A relay behind a NAT is reached by one of its introducers, or by who can be shown one.</summary>
    /// <param name="before">The hop before it; null: the client itself.</param>
    public static bool MayFollow(Candidate? before, Candidate hop) =>
        hop.IsPublic || (before is not null && (hop.Introducers.Contains(before.Id) || !hop.Target.Introducer.IsEmpty));
}
