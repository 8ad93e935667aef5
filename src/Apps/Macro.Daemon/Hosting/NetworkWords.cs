using Macro.Api;
using Macro.Core;
using Macro.Dht;
using Macro.Engine;

namespace Macro.Daemon.Hosting;

/// <summary>What discovery knows, in the words of the API. Called on the owner thread.</summary>
static class NetworkWords
{
    const int EnoughContacts = 20;

    public static SearchSource? ToApi(BootstrapSource? source) => source is { } known ? ToApi(known) : null;

    static SearchSource ToApi(BootstrapSource source) => source switch
    {
        BootstrapSource.Cache => SearchSource.Cache,
        BootstrapSource.Invite => SearchSource.Invite,
        BootstrapSource.SeedList => SearchSource.SeedList,
        BootstrapSource.Dht => SearchSource.Dht,
    };

    public static PeerEntry Describe(KnownRelay relay, Instant now) => new()
    {
        NodeId = relay.Signed.Id.ToString(),
        Region = relay.Signed.Descriptor.Region,
        Relay = relay.Signed.Descriptor.IsRelay,
        Exit = relay.Signed.Descriptor.IsExit,
        MegabitsPerSecond = relay.Signed.Descriptor.BandwidthClass <= 15 ? 1 << relay.Signed.Descriptor.BandwidthClass : 0,
        Verified = relay.Verified switch
        {
            Verification.Cached => PeerVerification.Cached,
            Verification.File => PeerVerification.File,
            Verification.Agreed => PeerVerification.Agreed,
            Verification.Answered => PeerVerification.Answered,
            Verification.Handshake => PeerVerification.Handshake,
            Verification.Self => PeerVerification.Self,
        },
        LastSeen = (now - Instant.FromUnixSeconds(relay.Signed.Sequence)).TotalMinutes switch
        {
            < 15 => LastSeen.Now,
            < 60 => LastSeen.WithinHour,
            < 24 * 60 => LastSeen.WithinDay,
            _ => LastSeen.Earlier,
        },
    };

    public static NetworkStatusAnswer Describe(DiscoveryStatus status, string name, NetworkKind kind) => new()
    {
        Name = name,
        Kind = kind,
        Epoch = status.Epoch,
        Relays = status.Relays,
        Exits = status.Exits,
        EstimatedRelays = status.EstimatedRelays,
        RootAgreement = status.RootAgreement,
        RootsCompared = status.RootsCompared,
        Searching = ToApi(status.Searching),
        FoundBy = ToApi(status.FoundBy),
        FirstRelayMs = (long?)status.FirstRelayAfter?.TotalMilliseconds,
        FirstCircuitMs = (long?)status.FirstCircuitAfter?.TotalMilliseconds,
        DhtEnabled = status.DhtV4 is not null || status.DhtV6 is not null,
        Dht = [.. new[] { (4, status.DhtV4), (6, status.DhtV6) }.Where(f => f.Item2 is not null).Select(f => Describe(f.Item1, f.Item2!))],
        Warnings = status.Warnings,
    };

    static DhtFamily Describe(int family, NetworkState state) => new()
    {
        Family = family,
        Contacts = state.Contacts,
        Health = state.Contacts == 0 ? "empty" : state.Contacts < EnoughContacts ? "thin" : "good",
        EstimatedNodes = (long?)state.Nodes,
    };
}
