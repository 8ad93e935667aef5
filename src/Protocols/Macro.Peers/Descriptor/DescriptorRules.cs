namespace Macro.Peers;

/// <summary>What a network accepts in its descriptors.</summary>
public sealed record DescriptorRules
{
    /// <summary>The public network: 3 hours, 16 bits of work, public addresses.</summary>
    public static DescriptorRules Public { get; } = new() { Network = NetworkKey.Public };

    /// <summary>
    /// A network without discovery (network.static in the settings): descriptors travel as files, so they may live
    /// 30 days, cost no work, and name private addresses. They carry a signed flag, which all other networks refuse.
    /// </summary>
    public static DescriptorRules ForStatic(string name) => new()
    {
        Network = NetworkKey.ForStatic(name),
        Static = true,
        MaxValidity = TimeSpan.FromDays(30),
        AllowsPrivateAddresses = true,
        WorkBits = 0,
    };

    /// <summary>
    /// What the key's network accepts. Members of a private network are invited, so no work keeps strangers out there, and
    /// its relays may stand in one building.
    /// </summary>
    public static DescriptorRules For(NetworkKey network)
    {
        ArgumentNullException.ThrowIfNull(network);
        return network.IsPrivate ? new() { Network = network, AllowsPrivateAddresses = true, WorkBits = 0 } : Public;
    }

    /// <summary>The network whose descriptors these are: others' signatures do not fit.</summary>
    public required NetworkKey Network { get; init; }

    /// <summary>Whether descriptors must carry the static flag, or must not.</summary>
    public bool Static { get; init; }

    /// <summary>Whether endpoints may be addresses that are not public.</summary>
    public bool AllowsPrivateAddresses { get; init; }

    public TimeSpan MaxValidity { get; init; } = TimeSpan.FromHours(3);

    /// <summary>How far ahead of this node's clock a descriptor may be dated.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Bits of proof of work, 0..40.</summary>
    public int WorkBits { get; init; } = 16;
}

/// <summary>What a received descriptor is worth. Anything but Valid: drop it, and do not pass it on.</summary>
public enum DescriptorVerdict
{
    Valid,

    /// <summary>Shorter than the header or longer than 480 bytes of value.</summary>
    BadLength,

    /// <summary>A version that this program does not know.</summary>
    UnsupportedVersion,

    /// <summary>A field outside its bounds, or padding that is not zero to a multiple of 64.</summary>
    Malformed,

    /// <summary>Neither an endpoint nor an introducer.</summary>
    Unreachable,

    /// <summary>An endpoint that is not a public address.</summary>
    NotPublic,

    /// <summary>Epoch, notBefore and seq do not agree with each other.</summary>
    InconsistentTimes,

    /// <summary>Lives longer than the network allows.</summary>
    TooLong,

    /// <summary>Made for a static network and this is none, or the other way round.</summary>
    OtherNetworkKind,

    /// <summary>Dated ahead of this node's clock.</summary>
    NotYetValid,

    Expired,

    TooLittleWork,

    BadSignature,
}
