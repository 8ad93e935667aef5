using Macro.Circuits;
using Macro.Core;
using Macro.Core.Packets;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// An exit without rights: the packets of sessions, whose source is the session's lease address, go into a stack that answers
/// for every destination, and their flows go on through ordinary sockets. Every flow is judged by the exit policy again at
/// the moment when its socket would be opened, on the address to which it would be. Lives in a <see cref="StackLoop"/>.
/// </summary>
public sealed class UserModeExit : IConnectionHandler, IUdpHandler, IEchoHandler, IStackMember
{
    const int PlacesAtOnce = 16;

    /// <summary>How long a connection waits for its turn when its session opens too many at once.</summary>
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    readonly Func<IpAddress, object?> _sessionOf;
    readonly Dictionary<object, ExitSession> _sessions = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<Endpoint, UdpMapping> _mappings = [];
    readonly Dictionary<(IpAddress Source, ushort Identifier), EchoMapping> _echoes = [];
    readonly RouteProbe _routes;
    int _connections;

    UserModeExit(HostedStack stack, ExitPolicy policy, Func<IpAddress, object?> sessionOf, UserModeExitOptions options) =>
        (Stack, Policy, _sessionOf, Options, _routes) = (stack, policy, sessionOf, options, new RouteProbe(new SocketOptions { Mark = options.Mark }));

    /// <summary>Puts an exit into a loop. Any thread.</summary>
    /// <param name="sessionOf">The session that has a lease address, any object; null: nobody has it now. Under the loop's lock.</param>
    /// <param name="transmit">Takes packets back to sessions; see <see cref="StackLoop.Add"/>, also for headroom and tailroom.</param>
    public static UserModeExit Start(
        StackLoop loop, ExitPolicy policy, Func<IpAddress, object?> sessionOf, UserModeExitOptions options, IRandom random,
        Action<PacketBatch> transmit, int headroom, int tailroom)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(options);
        var stack = new Stack(new StackOptions
        {
            Mtu = options.Mtu,
            FarLoopback = options.FarLoopback,
            // Room for connections that are open outside and those that wait for their end inside.
            MaxConnections = 2 * options.MaxConnections,
            MaxHalfOpen = options.MaxHalfOpen,
            MaxHalfOpenPerSource = options.MaxHalfOpenPerSession,
        }, loop.Memory, random);
        var hosted = loop.Add(stack, transmit, headroom, tailroom);
        var exit = new UserModeExit(hosted, policy, sessionOf, options);
        loop.Enter(() =>
        {
            stack.ListenAny(exit);
            stack.BindAny(exit);
            stack.EchoHandler = exit;
            hosted.Join(exit);
        });
        return exit;
    }

    /// <summary>Takes the packets of sessions; also the place of the exit's resolver.</summary>
    public HostedStack Stack { get; }

    public UserModeExitOptions Options { get; }

    /// <summary>Under the loop's lock.</summary>
    public UserModeExitCounters Counters { get; } = new();

    /// <summary>Asked about every new flow and every other target of a UDP port. Under the loop's lock.</summary>
    public ExitPolicy Policy { get; set; }

    /// <summary>TCP connections of all sessions, attempts included. Under the loop's lock.</summary>
    public int ConnectionCount => _connections;

    /// <summary>Mapped UDP ports. Under the loop's lock.</summary>
    public int MappingCount => _mappings.Count;

    public int SessionCount => _sessions.Count;

    internal StackLoop Loop => Stack.Loop;

    /// <summary>One buffer for whatever is received and passed on at once.</summary>
    internal byte[] Scratch { get; } = new byte[1 << 16];

    /// <summary>A session is over: its connections are reset, its ports closed. Under the loop's lock.</summary>
    public void End(object session)
    {
        if (!_sessions.Remove(session, out var ended))
            return;
        ended.Abort();
    }

    /// <summary>A connection that came in.</summary>
    void IConnectionHandler.HandleConnection(TcpConnection connection)
    {
        if (!connection.IsIncoming)
            return;
        var remote = connection.Flow.Local;
        if (!MayReach(IpProtocol.Tcp, remote))
            connection.RejectIncoming(TcpFailure.Prohibited);
        else if (Find(connection.Flow.Remote.Address) is not { } session || session.Connections.Count >= Options.MaxConnectionsPerSession
            || !session.TryBook(Loop.Now, s_patience, out var turn) || !HasPlaceForConnection(session))
        {
            Counters.Limited++;
            connection.RejectIncoming(TcpFailure.Prohibited);
        }
        else
            ExitConnection.Start(this, session, connection, turn);
    }

    IcmpReason IUdpHandler.Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        // Seen from the stack: local is where the client sends to.
        if (!_mappings.TryGetValue(remote, out var mapping))
        {
            if (!MayReach(IpProtocol.Udp, local))
                return IcmpReason.Prohibited;
            if (!TryMap(remote, now, out mapping))
                return IcmpReason.None;
        }
        return mapping.Send(local, payload, now);
    }

    /// <summary>The client cannot take what was sent to it; the far end would not hear of it from an ordinary socket.</summary>
    void IUdpHandler.HandleError(Endpoint local, Endpoint remote, IcmpError error) { }

    IcmpReason IEchoHandler.ReceiveRequest(Echo request, ReadOnlySpan<byte> data, Instant now)
    {
        if (!MayReach(request.Destination.IsV4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, new Endpoint(request.Destination, 0)))
            return IcmpReason.Prohibited;
        var key = (request.Source, request.Identifier);
        if (!_echoes.TryGetValue(key, out var echo))
        {
            if (Find(request.Source) is not { } session || session.Echoes.Count >= Options.MaxEchoesPerSession || !session.MayOpen(now))
            {
                Counters.Limited++;
                return IcmpReason.None;
            }
            echo = EchoMapping.TryStart(this, session, request);
            if (echo is null)
            {
                Counters.EchoesRefused++;
                return IcmpReason.Prohibited;
            }
            _echoes.Add(key, echo);
        }
        return echo.Send(request, data, now);
    }

    void IStackMember.HandleStackClosed()
    {
        foreach (var session in _sessions.Values)
            session.Abort();
        _sessions.Clear();
        _routes.Dispose();
    }

    /// <summary>
    /// The policy's word on a target, and the kernel's: the machine may have got an address that the policy does not know.
    /// Counts where one says no.
    /// </summary>
    internal bool MayReach(IpProtocol protocol, Endpoint target)
    {
        if (Policy.Decide(protocol, target.Address, target.Port) != ExitVerdict.Accept)
            Counters.Denied++;
        else if (_routes.LeadsHere(target.Address))
            Counters.OwnAddress++;
        else
            return true;
        return false;
    }

    internal void NoteBegun() => _connections++;

    internal void NoteEnded(ExitSession session)
    {
        _connections--;
        ForgetIfIdle(session);
    }

    internal void Leave(ExitSession session, UdpMapping mapping)
    {
        _mappings.Remove(mapping.Inner);
        ForgetIfIdle(session);
    }

    internal void Leave(ExitSession session, EchoMapping echo)
    {
        _echoes.Remove((echo.Source, echo.Identifier));
        session.Echoes.Remove(echo);
        ForgetIfIdle(session);
    }

    bool TryMap(Endpoint inner, Instant now, out UdpMapping mapping)
    {
        mapping = null!;
        if (Find(inner.Address) is not { } session || !session.MayOpen(now))
        {
            Counters.Limited++;
            return false;
        }
        if (session.Mappings.Count >= Options.MaxMappingsPerSession)
            session.Mappings.First!.Value.Abort();
        if (!HasPlaceForMapping(session) || UdpMapping.TryStart(this, session, inner) is not { } started)
        {
            Counters.Limited++;
            return false;
        }
        mapping = started;
        _mappings.Add(inner, mapping);
        Counters.Mapped++;
        return true;
    }

    /// <summary>
    /// When all places are taken, the session that has the most gives up its oldest connections; but not for another that
    /// has about as many. Some at once, so that a flood of attempts does not look through all sessions for each.
    /// </summary>
    bool HasPlaceForConnection(ExitSession session)
    {
        if (_connections < Options.MaxConnections)
            return true;
        var largest = _sessions.Values.MaxBy(other => other.Connections.Count)!;
        for (var i = 0; i < PlacesAtOnce && largest.Connections.Count > session.Connections.Count + 1; i++)
            largest.Connections.First!.Value.Abort();
        return _connections < Options.MaxConnections;
    }

    /// <summary>As <see cref="HasPlaceForConnection"/>, with the ports unused for longest.</summary>
    bool HasPlaceForMapping(ExitSession session)
    {
        if (_mappings.Count < Options.MaxMappings)
            return true;
        var largest = _sessions.Values.MaxBy(other => other.Mappings.Count)!;
        for (var i = 0; i < PlacesAtOnce && largest.Mappings.Count > session.Mappings.Count + 1; i++)
            largest.Mappings.First!.Value.Abort();
        return _mappings.Count < Options.MaxMappings;
    }

    ExitSession? Find(IpAddress source)
    {
        if (_sessionOf(source) is not { } identity)
            return null;
        if (_sessions.TryGetValue(identity, out var session))
            return session;
        if (_sessions.Count >= Options.MaxSessions)
            ForgetRested();
        if (_sessions.Count >= Options.MaxSessions)
            return null;
        session = new ExitSession(identity, Options.NewFlowsPerSecond);
        _sessions.Add(identity, session);
        return session;
    }

    /// <summary>A session without flows is forgotten once its allowance of new ones is whole again.</summary>
    void ForgetIfIdle(ExitSession session)
    {
        if (session.IsIdle && session.IsRested(Loop.Now))
            _sessions.Remove(session.Identity);
    }

    void ForgetRested()
    {
        foreach (var session in _sessions.Values.Where(session => session.IsIdle && session.IsRested(Loop.Now)).ToArray())
            _sessions.Remove(session.Identity);
    }
}
