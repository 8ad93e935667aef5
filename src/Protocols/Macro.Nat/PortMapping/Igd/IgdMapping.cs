using System.Globalization;
using Macro.Core;

namespace Macro.Nat.PortMapping;

/// <summary>
/// A mapping by UPnP (WANIPConnection:1 and :2, WANPPPConnection:1). Version 2 lets the gateway choose another port when ours
/// is taken; with version 1 we try others ourselves. The gateway has no epoch, so the mapping is asked for anew every 20 min.
/// </summary>
sealed class IgdMapping(Gateway gateway, PortMapperOptions options, IRandom random, GatewayRequests requests, Queue<MapperEvent> events)
    : MappingClient(options, random, events)
{
    static readonly TimeSpan s_checkEvery = TimeSpan.FromMinutes(20);
    const int MostPorts = 8;

    GatewayService? _service;
    IpAddress _outside;
    ushort _wish = options.Port;
    int _lease = options.LeaseSeconds;
    int _portsTried;

    public override MappingProtocol Protocol => _service?.Version == 2 ? MappingProtocol.Igd2 : MappingProtocol.Igd1;

    public void Use(GatewayService service, Instant now)
    {
        _service = service;
        Probe(now);
    }

    public override void Probe(Instant now)
    {
        if (_service is null)
            return;
        AskAddress((address, error, _) =>
        {
            if (error is SoapErrors.NoAnswer)
                Stage = MappingStage.Absent;
            else
            {
                _outside = address;
                Found();
            }
        });
    }

    public override void Map(Instant now)
    {
        if (_service is null)
            return;
        if (Stage != MappingStage.Mapped)
            Stage = MappingStage.Asking;
        _portsTried = 0;
        AskAddress((address, error, then) =>
        {
            if (error == 0)
                _outside = address;
            if (Stage == MappingStage.Releasing)
                Released();
            else
                Add();
        });
    }

    public override void Release(Instant now)
    {
        var asked = Stage is MappingStage.Asking;
        Stage = MappingStage.Releasing;
        if (Mapping is not null)
            Delete();
        // Otherwise the answer decides.
        else if (!asked)
            Released();
    }

    protected override void Repeat(Instant now) => Map(now);

    void AskAddress(Action<IpAddress, int, Instant> answered) => requests.Call(_service!, "GetExternalIPAddress", [], (reply, error, now) =>
    {
        // A gateway without a connection has an empty address there.
        _ = IpAddress.TryParse(reply?["NewExternalIPAddress"], out var address);
        answered(address, error, now);
    });

    void Add()
    {
        var action = _service!.Version == 2 && _lease != 0 ? "AddAnyPortMapping" : "AddPortMapping";
        requests.Call(_service, action,
        [
            ("NewRemoteHost", ""),
            ("NewExternalPort", Text(_wish)),
            ("NewProtocol", "UDP"),
            ("NewInternalPort", Text(Options.Port)),
            ("NewInternalClient", gateway.Own.ToString()),
            ("NewEnabled", "1"),
            ("NewPortMappingDescription", "Macro VPN"),
            ("NewLeaseDuration", Text(_lease)),
        ], HandleAdded);
    }

    void Delete() => requests.Call(_service!, "DeletePortMapping",
        [("NewRemoteHost", ""), ("NewExternalPort", Text(_wish)), ("NewProtocol", "UDP")], (_, _, _) => Released());

    void HandleAdded(SoapReply? reply, int error, Instant now)
    {
        if (error == 0 && reply!.TryGetPort("NewReservedPort", out var reserved) && reserved != 0)
            _wish = reserved;
        if (Stage is MappingStage.Releasing or MappingStage.Released)
        {
            if (error == 0)
                Delete();
            else
                Released();
            return;
        }
        switch (error)
        {
            case 0:
                Grant(new Endpoint(_outside, _wish), (uint)_lease, now, s_checkEvery);
                break;
            case SoapErrors.OnlyPermanentLeases when _lease != 0:
                _lease = 0;
                Add();
                break;
            case SoapErrors.ConflictInMapping or SoapErrors.ConflictWithOther when _portsTried++ < MostPorts:
                _wish = (ushort)(1024 + Random.NextInt(65536 - 1024));
                Add();
                break;
            case SoapErrors.NoAnswer when Stage == MappingStage.Mapped:
                // It may be starting anew; the lease says how long there is hope.
                Due = now + TimeSpan.FromSeconds(30);
                break;
            case SoapErrors.NoAnswer:
                Stage = MappingStage.Absent;
                break;
            default:
                Refuse(error);
                break;
        }
    }

    static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}
