using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// What the fast path cannot finish goes to the owner thread. Called from pump threads; the bytes are copied before the
/// call returns, and calls of one thread arrive in order. A full mailbox drops.
/// </summary>
public interface IPlaneOwner
{
    /// <summary>
    /// A handshake message (types 1 to 3) from the network, or from inside a hop's session; or a data message that came before its session stood.
    /// </summary>
    void PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via);

    /// <summary>A datagram of the port that is not WireGuard. A flood of them leaves room for all the others.</summary>
    void PostOther(ReadOnlySpan<byte> datagram, Endpoint source);

    /// <summary>An opened payload: a control frame, a handshake message to switch, or an exit's notice that it lets a packet not through.</summary>
    /// <param name="source">Where it came from; none when from inside a hop's session.</param>
    void PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source);

    /// <summary>A timer of this tunnel may need setting.</summary>
    void PostActivity(Tunnel tunnel);
}

/// <summary>Totals of one pump thread since start; nothing in them tells who, when or where to.</summary>
public sealed class PlaneCounters
{
    /// <summary>Bytes of datagrams switched for others, both ways.</summary>
    public long RelayedBytes { get; internal set; }

    /// <summary>Datagrams switched for others.</summary>
    public long RelayedPackets { get; internal set; }

    /// <summary>Bytes of this node's own IP packets through its circuits.</summary>
    public long ClientBytes { get; internal set; }

    /// <summary>Bytes of datagrams from this node's own hops that were cover, or keepalives of constant size.</summary>
    public long CoverBytes { get; internal set; }

    /// <summary>Bytes of IP packets passed to and from the internet for others.</summary>
    public long ExitBytes { get; internal set; }

    /// <summary>Datagrams of no protocol that is spoken here.</summary>
    public long Malformed { get; internal set; }

    /// <summary>Data messages for an index that nobody has.</summary>
    public long Unknown { get; internal set; }

    /// <summary>Data messages that were forged, replayed or too old.</summary>
    public long Rejected { get; internal set; }

    /// <summary>Payloads without a way on: no channel, no lease, wrong source address.</summary>
    public long Unroutable { get; internal set; }

    /// <summary>Packets that the exit policy denies.</summary>
    public long Denied { get; internal set; }

    /// <summary>Packets dropped for want of a session or of room.</summary>
    public long Dropped { get; internal set; }

    /// <summary>Of several threads together.</summary>
    public static PlaneCounters Sum(IEnumerable<PlaneCounters> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var sum = new PlaneCounters();
        foreach (var part in parts)
        {
            sum.RelayedBytes += part.RelayedBytes;
            sum.RelayedPackets += part.RelayedPackets;
            sum.ClientBytes += part.ClientBytes;
            sum.CoverBytes += part.CoverBytes;
            sum.ExitBytes += part.ExitBytes;
            sum.Malformed += part.Malformed;
            sum.Unknown += part.Unknown;
            sum.Rejected += part.Rejected;
            sum.Unroutable += part.Unroutable;
            sum.Denied += part.Denied;
            sum.Dropped += part.Dropped;
        }
        return sum;
    }
}
