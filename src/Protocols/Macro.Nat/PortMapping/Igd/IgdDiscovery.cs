using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// Finds the gateway's UPnP services: searches by multicast and at the gateway itself, takes answers from the gateway's own
/// address only, fetches the description from that same address.
/// </summary>
sealed class IgdDiscovery(Gateway gateway, Outbox outbox, GatewayRequests requests)
{
    static readonly TimeSpan s_every = TimeSpan.FromSeconds(1.5);
    const int MostSearches = 3, MostLocations = 4;

    readonly HashSet<GatewayUrl> _locations = [];
    int _searches;

    public Instant NextTimeout { get; private set; } = Instant.Never;

    public DeviceDescription? Description { get; private set; }

    /// <summary>Called once the description is there.</summary>
    public Action<DeviceDescription, Instant>? Found { get; set; }

    public void Search(Instant now)
    {
        (_searches, Description) = (0, null);
        _locations.Clear();
        HandleTimeout(now);
    }

    public void HandleTimeout(Instant now)
    {
        if (_searches == MostSearches)
        {
            NextTimeout = Instant.Never;
            return;
        }
        _searches++;
        foreach (var version in (ReadOnlySpan<int>)[2, 1])
        {
            var search = Ssdp.Search(version);
            outbox.Send(search, Ssdp.Multicast);
            outbox.Send(search, new Endpoint(gateway.Address, Ssdp.Port));
        }
        NextTimeout = now + s_every;
    }

    public void Handle(ReadOnlySpan<byte> datagram, Endpoint source)
    {
        if (Description is not null || source.Address != gateway.Address || !Ssdp.TryParseReply(datagram, out var location)
            || location.Host.Address != gateway.Address || _locations.Count == MostLocations || !_locations.Add(location))
            return;
        requests.Get(location, (body, now) =>
        {
            if (body is null || Description is not null || !DeviceDescription.TryParse(body, location, out var description))
                return;
            Description = description;
            NextTimeout = Instant.Never;
            Found?.Invoke(description, now);
        });
    }
}
