using Macro.Core;
using Macro.Dht;

namespace Macro.Engine;

/// <summary>How the node finds its network. Routes each input to the part that it is for and nothing else.</summary>
public sealed class Discovery(DhtOptions options, IRandom random, Outbox outbox, Instant now)
{
    public DhtNode Dht { get; } = new(options, random, outbox, now);

    public Instant NextTimeout => Dht.NextTimeout;

    /// <summary>A datagram of the DHT.</summary>
    public void HandleDatagram(ReadOnlySpan<byte> datagram, Endpoint source, Instant now) => Dht.Receive(datagram, source, now);

    public void HandleTimeout(Instant now) => Dht.HandleTimeout(now);
}
