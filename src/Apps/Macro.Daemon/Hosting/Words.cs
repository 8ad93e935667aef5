using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Devices;
using Macro.Daemon.Pump;
using Macro.Engine;

namespace Macro.Daemon.Hosting;

/// <summary>The engine's state in the words of the API. Called on the owner thread.</summary>
static class Words
{
    public static ConnectionMode ToEngine(Mode mode) => mode switch
    {
        Mode.Speed => ConnectionMode.Speed,
        Mode.Balanced => ConnectionMode.Balanced,
        Mode.Private => ConnectionMode.Private,
        Mode.Paranoid => ConnectionMode.Paranoid,
    };

    /// <summary>The word for having no path, or for none that holds.</summary>
    public static string CodeOf(PathVerdict verdict) => verdict == PathVerdict.NoExitInRegion ? ProblemCodes.NoExitInRegion : ProblemCodes.NoRelays;

    /// <param name="deviceProblem">Why the device cannot be had, when the connection has failed.</param>
    public static Status Describe(NodeThreads threads, ClientSide client, ExitSide exit, Problem? deviceProblem, long sent, long received, long coverReceived)
    {
        var node = threads.Node;
        var connection = node.Controller.Connection;
        var circuit = node.Controller.Carrying;
        var (relay, options) = (node.Relay, node.Relay.Options);
        return new Status
        {
            State = ToApi(connection.State),
            Phase = ToApi(connection),
            Mode = connection.State == Engine.ConnectionState.Off ? null : ToApi(connection.Request.Mode),
            Hops = circuit?.Hops.Length ?? 0,
            ExitRegion = circuit?.Exit.Target.Region,
            OverTcp = circuit is not null && TcpEndpoint.Is(circuit.Entry),
            ExitIpv4 = circuit?.ExitTerms?.V4 ?? false,
            ExitIpv6 = circuit?.ExitTerms?.V6 ?? false,
            Device = client.Tun?.Name,
            KillSwitch = client.IsGuarded,
            Proxy = client.Proxy?.ToString(),
            Dns = client.Resolver?.ToString(),
            Rootless = client.Tun is null && exit.Tun is null,
            BytesSent = sent,
            BytesReceived = received,
            Wire = connection.State == Engine.ConnectionState.Off ? null : Describe(node.Controller, circuit, coverReceived),
            Problem = connection.State == Engine.ConnectionState.Failed ? deviceProblem
                : connection.Problem is null ? client.Missing
                : new Problem
                {
                    Code = connection.State == Engine.ConnectionState.Active ? ProblemCodes.CircuitLost : CodeOf(connection.Verdict),
                    Message = connection.Problem,
                    Remedy = connection.Remedy,
                },
            Relay = new RelayStatus
            {
                Enabled = options.IsRelay,
                Running = options.IsRelay,
                Sessions = relay.Sessions,
                Channels = node.Switches.Count,
                PacketsForwarded = threads.Received.RelayedPackets,
                BytesForwarded = threads.Received.RelayedBytes,
                PacketsDropped = threads.Received.Dropped + threads.Received.Unroutable,
            },
            Exit = new ExitStatus
            {
                Enabled = options.IsExit,
                Running = options.IsExit && relay.Leases is not null,
                Kernel = exit.Tun is not null,
                Sessions = relay.Leases?.Count ?? 0,
                BytesOut = threads.Received.ExitBytes,
                BytesIn = threads.ExitReturned,
                PacketsRefused = threads.Received.Denied,
            },
            Searching = NetworkWords.ToApi(node.Discovery?.Searching),
            KnownRelays = node.Controller.Candidates.Count,
        };
    }

    static WireStatus Describe(Controller controller, Circuit? circuit, long coverReceived)
    {
        var cost = controller.Cost;
        return new WireStatus
        {
            BytesSent = cost.Sent,
            BytesReceived = cost.Received,
            ConstantSize = circuit?.IsConstantSize ?? false,
            HopsPad = circuit is { IsConstantSize: true } && Array.TrueForAll(circuit.Hops, hop => hop.IsPadding),
            CoverBudget = circuit?.CoverBudget ?? 0,
            CoverBytesSent = cost.CoverSent,
            CoverBytesReceived = coverReceived,
        };
    }

    /// <summary>The names of isolation keys stay inside: circuits have numbers here.</summary>
    public static CircuitAnswer DescribeCircuits(Controller controller, Instant now) => new()
    {
        Hops = Describe(controller.Shown?.Hops),
        BuildMs = controller.Main?.BuildTime?.TotalMilliseconds,
        HandshakesMs = controller.Main?.HandshakeTime?.TotalMilliseconds,
        Standby = Describe(controller.Carrying?.Standby?.Hops),
        Paths = controller.Carrying?.Paths is { Paths.Count: > 1 } paths ? [.. paths.Paths.Select(Describe)] : [],
        Reroutes = controller.Main?.Reroutes ?? 0,
        ReroutedMsAgo = (now - controller.Carrying?.ReroutedAt)?.TotalMilliseconds,
        Isolated = [.. controller.Isolated.Select(kept => new IsolatedCircuit { Hops = Describe(kept.Shown?.Hops), Ready = kept.Carrying is not null })],
    };

    static PathStatus Describe(PathScheduler<Circuits.Hop[]>.Path path) => new()
    {
        Hops = Describe(path.Way),
        Used = path.Meter.IsUsed,
        BytesSent = path.Meter.Sent,
        BytesReceived = path.Meter.Received,
    };

    static IReadOnlyList<Api.Hop> Describe(Circuits.Hop[]? hops) => hops is null ? [] : [.. hops.Select(hop => new Api.Hop
    {
        Role = hop.Next is null ? HopRole.Exit : hop.Index == 0 ? HopRole.Entry : HopRole.Middle,
        NodeId = hop.Target.Name,
        Region = hop.Target.Region,
        RttMs = hop.Health.RoundTrip?.TotalMilliseconds,
        Health = hop.Health.IsDead ? Api.HopHealth.Dead
            : hop.Health.IsSuspect ? Api.HopHealth.Suspect
            : hop.Health.RoundTrip is null ? Api.HopHealth.Unknown
            : Api.HopHealth.Good,
        Direct = hop.Index == 0 || hop.Direct?.Alone == true,
    })];

    static Mode ToApi(ConnectionMode mode) => mode switch
    {
        ConnectionMode.Speed => Mode.Speed,
        ConnectionMode.Balanced => Mode.Balanced,
        ConnectionMode.Private => Mode.Private,
        ConnectionMode.Paranoid => Mode.Paranoid,
    };

    static Api.ConnectionState ToApi(Engine.ConnectionState state) => state switch
    {
        Engine.ConnectionState.Off => Api.ConnectionState.Off,
        Engine.ConnectionState.Connecting => Api.ConnectionState.Connecting,
        Engine.ConnectionState.Active => Api.ConnectionState.Active,
        Engine.ConnectionState.Reconnecting => Api.ConnectionState.Reconnecting,
        Engine.ConnectionState.Waiting => Api.ConnectionState.Waiting,
        Engine.ConnectionState.Failed => Api.ConnectionState.Failed,
    };

    static Api.ConnectPhase ToApi(Connection connection) => connection.Phase switch
    {
        Engine.ConnectPhase.None => Api.ConnectPhase.None,
        Engine.ConnectPhase.FindingRelays => Api.ConnectPhase.FindingRelays,
        Engine.ConnectPhase.ChoosingRelays => Api.ConnectPhase.SelectingPath,
        Engine.ConnectPhase.ConnectingEntry => Api.ConnectPhase.ReachingEntry,
        Engine.ConnectPhase.ExtendingCircuit => connection.HopsReached + 1 < connection.Request.Mode.Hops()
            ? Api.ConnectPhase.ExtendingToMiddle
            : Api.ConnectPhase.ExtendingToExit,
        Engine.ConnectPhase.OpeningExit => Api.ConnectPhase.OpeningExit,
        Engine.ConnectPhase.ConfiguringDevice => Api.ConnectPhase.ConfiguringDevice,
        Engine.ConnectPhase.Active => Api.ConnectPhase.Ready,
    };
}
