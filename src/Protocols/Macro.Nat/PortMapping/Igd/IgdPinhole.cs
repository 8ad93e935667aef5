using System.Globalization;
using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>A hole in the gateway's IPv6 firewall by UPnP (WANIPv6FirewallControl:1), for any sender to our UDP port.</summary>
/// <param name="own">Our IPv6 address that the hole leads to.</param>
sealed class IgdPinhole(IpAddress own, PortMapperOptions options, IRandom random, GatewayRequests requests, Queue<MapperEvent> events)
    : MappingClient(options, random, events)
{
    static readonly TimeSpan s_checkEvery = TimeSpan.FromMinutes(20);

    GatewayService? _service;
    ushort? _id;

    public override MappingProtocol Protocol => MappingProtocol.Igd2;

    public void Use(GatewayService service, Instant now)
    {
        _service = service;
        Probe(now);
    }

    public override void Probe(Instant now)
    {
        if (_service is null)
            return;
        requests.Call(_service, "GetFirewallStatus", [], (reply, error, _) =>
        {
            // Where there is no firewall, or it is not to be opened, there is nothing to ask for.
            if (error == 0 && reply!["InboundPinholeAllowed"] is "1" or "true" or "yes")
                Found();
            else
                Stage = MappingStage.Absent;
        });
    }

    public override void Map(Instant now)
    {
        if (_service is null)
            return;
        if (Stage != MappingStage.Mapped)
            Stage = MappingStage.Asking;
        if (_id is { } id)
            requests.Call(_service, "UpdatePinhole", [("UniqueID", Text(id)), ("NewLeaseTime", Text(Options.LeaseSeconds))], HandleUpdated);
        else
            Add();
    }

    public override void Release(Instant now)
    {
        var asked = Stage is MappingStage.Asking;
        Stage = MappingStage.Releasing;
        if (_id is { } id)
            Delete(id);
        // Otherwise the answer decides.
        else if (!asked)
            Released();
    }

    protected override void Repeat(Instant now) => Map(now);

    void Add() => requests.Call(_service!, "AddPinhole",
    [
        ("RemoteHost", ""),
        ("RemotePort", "0"),
        ("InternalClient", own.ToString()),
        ("InternalPort", Text(Options.Port)),
        ("Protocol", "17"),
        ("LeaseTime", Text(Options.LeaseSeconds)),
    ], (reply, error, now) =>
    {
        var granted = (error == 0 && reply!.TryGetPort("UniqueID", out var id)) ? id : (ushort?)null;
        if (Stage is MappingStage.Releasing or MappingStage.Released)
        {
            if (granted is { } unwanted)
                Delete(unwanted);
            else
                Released();
        }
        else if (granted is not null)
        {
            _id = granted;
            Stand(now);
        }
        else if (error == SoapErrors.NoAnswer && Stage == MappingStage.Mapped)
            Due = now + TimeSpan.FromSeconds(30);
        else if (error == SoapErrors.NoAnswer)
            Stage = MappingStage.Absent;
        else
            Refuse(error);
    });

    void Delete(ushort id) => requests.Call(_service!, "DeletePinhole", [("UniqueID", Text(id))], (_, _, _) => Released());

    void HandleUpdated(SoapReply? reply, int error, Instant now)
    {
        if (Stage is MappingStage.Releasing or MappingStage.Released)
            return;
        if (error == 0)
        {
            Stand(now);
            return;
        }
        // Forgotten, by a restart as a rule.
        _id = null;
        Add();
    }

    void Stand(Instant now) => Grant(new Endpoint(own, Options.Port), (uint)Options.LeaseSeconds, now, s_checkEvery);

    static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
