using System.Text.Json;
using Macro.Api;
using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.PortMapping;
using Macro.Nat.Reachability;
using Macro.Nat.Stun;

namespace Macro.Daemon.Traversal;

/// <summary>What was found, as the API tells it.</summary>
static class NetcheckWords
{
    const string NoPortalCheck =
        "not looked for: it would take a question in clear to somebody outside, who would learn that this machine is here; where nothing answers, open a web page";

    public static NetcheckAnswer Describe(
        Engine.Traversal traversal, PortMapperState gateway, IReadOnlyList<BindingResult> answers, IReadOnlyList<RelayLatency> relays, int tcpConnections, Instant now)
    {
        var standing = traversal.Standing;
        return new NetcheckAnswer
        {
            Udp = answers.Count > 0,
            TcpConnections = tcpConnections,
            Ipv4 = Describe(traversal.V4, answers.Any(answer => answer.Server.Address.IsV4)),
            Ipv6 = Describe(traversal.V6, answers.Any(answer => answer.Server.Address.IsV6)),
            GatewayAsked = gateway.Asked,
            MappingProtocols = [.. gateway.Found.Select(Word)],
            Mapping = Describe(gateway.Mapping, now),
            Pinhole = Describe(gateway.Pinhole, now),
            ReachedAt = [.. standing.Endpoints.Select(endpoint => endpoint.ToString())],
            CaptivePortal = NoPortalCheck,
            Relays = relays,
            Role = standing.Role switch
            {
                NodeRole.Client => NetworkRole.Client,
                NodeRole.Introduced => NetworkRole.Introduced,
                NodeRole.Public => NetworkRole.Public,
            },
            Why = standing.Why,
            Advice = standing.Help,
        };
    }

    static NetcheckFamily Describe(NatClass seen, bool works) => new()
    {
        Works = works,
        Outside = seen.Outside.IsNone ? null : seen.Outside.Port == 0 ? seen.Outside.Address.ToString() : seen.Outside.ToString(),
        Nat = Word(seen.Kind),
        Description = works || seen.IsKnown ? ReachabilityWords.Describe(seen) : "nobody answered",
        Hairpin = seen.Hairpin,
        CarrierGrade = seen.IsCarrierGrade,
        PortAssignment = seen.Assignment == PortAssignment.Unknown ? null : Word(seen.Assignment),
        LivesAtLeastSeconds = (int?)seen.LivesAtLeast?.TotalSeconds,
        LivesAtMostSeconds = (int?)seen.LivesAtMost?.TotalSeconds,
        Liars = seen.Liars,
    };

    static NetcheckMapping? Describe(Mapping? mapping, Instant now) => mapping is null ? null : new NetcheckMapping
    {
        Protocol = Word(mapping.Protocol),
        Outside = mapping.Outside.ToString(),
        Trust = Word(mapping.Trust),
        SecondsLeft = mapping.Ends == Instant.Never ? null : (int)(mapping.Ends - now).TotalSeconds,
    };

    static string Word<T>(T value) where T : struct, Enum => JsonNamingPolicy.KebabCaseLower.ConvertName(value.ToString());
}
