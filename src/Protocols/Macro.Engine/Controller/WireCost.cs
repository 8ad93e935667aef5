using Macro.Circuits;

namespace Macro.Engine;

/// <summary>What the client's circuits cost on the wire, all of them together, since the client was switched on.</summary>
/// <param name="Sent">Bytes of UDP payload to entries.</param>
/// <param name="Received">The same from entries.</param>
/// <param name="CoverSent">Cover among what was sent.</param>
public readonly record struct WireCost(long Sent, long Received, long CoverSent)
{
    public static WireCost Of(Circuit circuit)
    {
        ArgumentNullException.ThrowIfNull(circuit);
        var activity = circuit.Hops[0].Tunnel.Activity;
        return new WireCost(activity.BytesSent, activity.BytesReceived, circuit.CoverSent);
    }

    public static WireCost operator +(WireCost a, WireCost b) => new(a.Sent + b.Sent, a.Received + b.Received, a.CoverSent + b.CoverSent);

    public static WireCost Add(WireCost left, WireCost right) => left + right;
}
