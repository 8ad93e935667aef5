using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Engine;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>Why circuits have the hops that they have, in the words of the API. Called on the owner thread.</summary>
static class PathWords
{
    public static WhyAnswer Describe(Controller controller) => new()
    {
        Hops = Describe(controller.Main),
        Isolated = [.. controller.Isolated.Select(Describe)],
    };

    public static BlockedAnswer Describe(Blocklist blocklist, Instant now) => new()
    {
        Rules = [.. blocklist.Rules.Select(rule => rule.ToString())],
        Automatic =
        [
            .. blocklist.Convictions(now).Select(one => new BlockedRelay
            {
                NodeId = one.Id.ToString(),
                Reason = one.Offence switch
                {
                    Offence.Dropping => BlockReason.Dropping,
                    Offence.NotForwarding => BlockReason.NotForwarding,
                    Offence.PolicyLie => BlockReason.PolicyLie,
                    Offence.Tampering => BlockReason.Tampering,
                },
                HoursLeft = (int)Math.Ceiling((one.Until - now).TotalHours),
            }),
        ],
    };

    static IReadOnlyList<HopReasons> Describe(KeptCircuit? kept) =>
        kept is { Shown: not null, Path: { } path } ? [.. path.Hops.Select(Describe)] : [];

    static HopReasons Describe(HopChoice hop) => new()
    {
        Role = hop.Place switch
        {
            HopPlace.Introducer or HopPlace.Entry => HopRole.Entry,
            HopPlace.Middle => HopRole.Middle,
            HopPlace.Exit => HopRole.Exit,
        },
        NodeId = hop.Relay.Target.Name,
        Region = hop.Relay.Region,
        Considered = hop.Considered,
        Chance = hop.Chance,
        Capacity = hop.Capacity,
        Reliability = hop.Reliability,
        RttMs = hop.RoundTrip?.TotalMilliseconds,
        Why = hop.Explain(),
    };
}
