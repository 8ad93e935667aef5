namespace Macro.Nat.PortMapping;

/// <summary>A service of a gateway that we use.</summary>
/// <param name="Type">As it stands in the description, and must stand in every request.</param>
public sealed record GatewayService(string Type, GatewayUrl Control)
{
    const string Urn = "urn:schemas-upnp-org:service:";

    public bool IsFirewall => Type == Urn + "WANIPv6FirewallControl:1";

    /// <summary>2 where it can choose a free port by itself (AddAnyPortMapping).</summary>
    public int Version => Type[^1] - '0';

    /// <summary>The better one first: an IP connection before PPP, version 2 before 1.</summary>
    public static int RankOf(string type) => type switch
    {
        Urn + "WANIPConnection:2" => 3,
        Urn + "WANIPConnection:1" => 2,
        Urn + "WANPPPConnection:1" => 1,
        Urn + "WANIPv6FirewallControl:1" => 1,
        _ => 0,
    };
}

/// <summary>What a gateway's device description says (UPnP Device Architecture 2.3), as far as we need it.</summary>
public sealed record DeviceDescription
{
    const int MostServices = 64;

    /// <summary>The best service that maps ports.</summary>
    public GatewayService? Connection { get; private init; }

    /// <summary>The service that opens pinholes in an IPv6 firewall.</summary>
    public GatewayService? Firewall { get; private init; }

    /// <summary>Services on another host than the one that the document came from are passed over.</summary>
    /// <param name="from">Where the document was fetched.</param>
    public static bool TryParse(byte[] document, GatewayUrl from, out DeviceDescription description)
    {
        GatewayService? connection = null, firewall = null;
        string? type = null, control = null;
        var services = 0;
        using var xml = new GatewayXml(document);
        while (xml.Read() && services < MostServices)
        {
            switch (xml.Name, xml.Text)
            {
                case ("serviceType", not null):
                    type = xml.Text;
                    break;
                case ("controlURL", not null):
                    control = xml.Text;
                    break;
                case ("service", null):
                    services++;
                    if (type is not null && GatewayService.RankOf(type) > 0 && control is not null && from.TryResolve(control, out var url))
                    {
                        var service = new GatewayService(type, url);
                        if (service.IsFirewall)
                            firewall ??= service;
                        else if (connection is null || GatewayService.RankOf(type) > GatewayService.RankOf(connection.Type))
                            connection = service;
                    }
                    (type, control) = (null, null);
                    break;
                default:
                    break;
            }
        }
        description = new DeviceDescription { Connection = connection, Firewall = firewall };
        return connection is not null || firewall is not null;
    }
}
