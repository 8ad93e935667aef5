using Macro.Circuits;
using Macro.Core;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>
/// One node: client, relay and exit round one set of tables. Routes each input to the part that it is for and nothing
/// else; the shell's owner thread calls it, sends what is in <see cref="Outbox"/>, and comes back at <see cref="NextTimeout"/>.
/// </summary>
public sealed class Node
{
    public Node(IHopVerifier verifier, IRandom random)
    {
        Relay = new Relay(Indices, Switches, verifier, Outbox, random);
        Controller = new Controller(Indices, Outbox, random);
        Traversal = new Traversal(Outbox, random);
    }

    public IndexTable Indices { get; } = new();

    public SwitchTable Switches { get; } = new();

    /// <summary>Datagrams to send now.</summary>
    public Outbox Outbox { get; } = new();

    public Relay Relay { get; }

    public Controller Controller { get; }

    /// <summary>How this node stands in the network.</summary>
    public Traversal Traversal { get; }

    /// <summary>How relays are found; null in a static network.</summary>
    public Discovery? Discovery { get; set; }

    public Instant NextTimeout => Instant.Min(
        Instant.Min(Relay.NextTimeout, Controller.NextTimeout), Instant.Min(Traversal.NextTimeout, Discovery?.NextTimeout ?? Instant.Never));

    /// <summary>A handshake message (types 1 to 3): from the network, or (<paramref name="via"/> set) from inside that hop's session.</summary>
    public void HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via, Instant now)
    {
        if (Message.TryReadType(datagram, out var type) && type != MessageType.Initiation
            && Message.TryReadReceiver(datagram, out var index)
            && Indices.TryFind(index, out var tunnel, out _)
            && tunnel?.Context is Hop hop && hop.Previous == via)
            hop.Circuit.HandleHandshake(hop, datagram, now);
        else if (via is null)
        {
            var handshakes = Relay.Counters.Handshakes;
            Relay.HandleDatagram(datagram, source, now);
            if (Relay.Counters.Handshakes != handshakes && !IsRelay(source.Address))
                Traversal.ObserveStranger(source, now);
        }
        Controller.Observe(now);
    }

    /// <summary>An opened payload that the fast path left to the owner thread.</summary>
    public void HandlePayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Instant now)
    {
        ArgumentNullException.ThrowIfNull(tunnel);
        if (tunnel.Context is Inbound inbound)
            Relay.HandlePayload(inbound, payload, now);
        else if (tunnel.Context is Hop hop)
            hop.Circuit.HandlePayload(hop, payload, now);
        Controller.Observe(now);
    }

    /// <summary>The fast path says that a timer of this tunnel may need setting.</summary>
    public void HandleActivity(Tunnel tunnel, Instant now)
    {
        ArgumentNullException.ThrowIfNull(tunnel);
        if (tunnel.Context is Inbound inbound)
            Relay.HandleActivity(inbound, now);
        else if (tunnel.Context is Hop hop)
            hop.Circuit.HandleActivity(hop, now);
        Controller.Observe(now);
    }

    /// <summary>A datagram of the port that is not WireGuard (<see cref="DatagramKind"/>).</summary>
    public void HandleOther(ReadOnlySpan<byte> datagram, Endpoint source, Instant now)
    {
        switch (DatagramKinds.Of(datagram))
        {
            case DatagramKind.Krpc:
                Discovery?.HandleDatagram(datagram, source, now);
                Controller.Observe(now);
                break;
            case DatagramKind.Stun:
                Traversal.HandleDatagram(datagram, source, answers: Relay.Options.IsRelay, now);
                break;
            case var _:
                break;
        }
    }

    public void HandleTimeout(Instant now)
    {
        Relay.HandleTimeout(now);
        Discovery?.HandleTimeout(now);
        Traversal.HandleTimeout(now);
        Controller.HandleTimeout(now);
    }

    /// <summary>A relay may be one that we have asked: what comes from there is no proof that strangers get through.</summary>
    bool IsRelay(IpAddress address) => Controller.Candidates.Any(candidate => candidate.Endpoints.Any(endpoint => endpoint.Address == address));
}
