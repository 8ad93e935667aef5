using System.Globalization;
using Macro.Api;

namespace Macro.Cli.Output;

/// <summary>The API's values in words.</summary>
static class Words
{
    public static string Of(Mode mode) => mode switch
    {
        Mode.Speed => "speed (the exit sees your address)",
        Mode.Balanced => "balanced",
        Mode.Private => "private",
        Mode.Paranoid => "paranoid",
    };

    public static string Of(ConnectionState state) => state switch
    {
        ConnectionState.Off => "off",
        ConnectionState.Connecting => "connecting",
        ConnectionState.Active => "active",
        ConnectionState.Reconnecting => "reconnecting",
        ConnectionState.Waiting => "waiting",
        ConnectionState.Failed => "failed",
    };

    public static string Of(ConnectPhase phase) => phase switch
    {
        ConnectPhase.None => "waiting",
        ConnectPhase.FindingRelays => "looking for relays",
        ConnectPhase.SelectingPath => "choosing a path",
        ConnectPhase.ReachingEntry => "reaching the entry",
        ConnectPhase.ExtendingToMiddle => "extending to the middle hop",
        ConnectPhase.ExtendingToExit => "extending to the exit",
        ConnectPhase.OpeningExit => "opening the exit",
        ConnectPhase.ConfiguringDevice => "setting up device or proxy",
        ConnectPhase.Ready => "ready",
    };

    public static string Of(SearchSource source) => source switch
    {
        SearchSource.Cache => "those of an earlier run",
        SearchSource.Invite => "the relays of the invite",
        SearchSource.SeedList => "the list that came with the program",
        SearchSource.Dht => "the distributed hash table",
    };

    public static string Of(PeerVerification verified) => verified switch
    {
        PeerVerification.Self => "this node",
        PeerVerification.Handshake => "handshake",
        PeerVerification.Answered => "answered itself",
        PeerVerification.Agreed => "relays agree",
        PeerVerification.File => "directory file",
        PeerVerification.Cached => "earlier run",
    };

    public static string Of(NetworkKind kind) => kind switch
    {
        NetworkKind.Public => "public",
        NetworkKind.Private => "private",
        NetworkKind.Static => "static",
    };

    public static string Of(LastSeen seen) => seen switch
    {
        LastSeen.Now => "now",
        LastSeen.WithinHour => "this hour",
        LastSeen.WithinDay => "today",
        LastSeen.Earlier => "earlier",
    };

    public static string Of(HopRole role) => role switch
    {
        HopRole.Entry => "entry",
        HopRole.Middle => "middle",
        HopRole.Exit => "exit",
    };

    public static string Of(BlockReason reason) => reason switch
    {
        BlockReason.Dropping => "drops circuits",
        BlockReason.NotForwarding => "does not forward",
        BlockReason.PolicyLie => "refuses what it promises",
        BlockReason.Tampering => "what passes it is changed",
    };

    public static string Of(HopHealth health) => health switch
    {
        HopHealth.Unknown => "unknown",
        HopHealth.Good => "good",
        HopHealth.Suspect => "suspect",
        HopHealth.Dead => "dead",
    };

    /// <summary>What the circuits cost, their own headers, padding and cover included.</summary>
    public static string Wire(WireStatus wire) => $"{Terminal.Bytes(wire.BytesReceived)} received, {Terminal.Bytes(wire.BytesSent)} sent"
        + (!wire.ConstantSize ? "" : wire.HopsPad ? ", in packets of one size" : ", in packets of one size where hops do the same; not all do");

    /// <summary>Null while there is none.</summary>
    public static string? Cover(WireStatus wire) => wire.CoverBudget == 0 ? null
        : $"at most {Terminal.Bytes(wire.CoverBudget)} an hour; so far {Terminal.Bytes(wire.CoverBytesReceived)} received, {Terminal.Bytes(wire.CoverBytesSent)} sent";

    public static string Hops(int count) => count == 1 ? "1 hop" : string.Create(CultureInfo.InvariantCulture, $"{count} hops");

    public static string Region(string region) => region == "ZZ" ? "unknown region" : region;

    public static string Families(Status status) => (status.ExitIpv4, status.ExitIpv6) switch
    {
        (true, true) => "IPv4 and IPv6",
        (true, false) => "IPv4 only",
        (false, true) => "IPv6 only",
        (false, false) => "no address family yet",
    };
}
