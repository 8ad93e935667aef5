using System.Buffers.Binary;
using System.Text;
using System.Text.RegularExpressions;
using Macro.Core;
using Macro.Nat.PortMapping;
using Macro.Simulation;

namespace Macro.Nat.Tests.PortMapping;

/// <summary>A gateway that speaks what the test wants, and a mapper behind it, under virtual time.</summary>
sealed partial class FakeGateway
{
    public static readonly IpAddress Address = IpAddress.Parse("192.168.1.1"), Own = IpAddress.Parse("192.168.1.10");
    public static readonly IpAddress Address6 = IpAddress.Parse("fe80::1"), Own6 = IpAddress.Parse("2a0e:4400::10");
    public const ushort Port = 51820;

    readonly Outbox _outbox = new();
    readonly Queue<Action> _late = new();
    Instant _began;

    public bool Pcp { get; set; }
    public bool NatPmp { get; set; }
    public bool Pinholes { get; set; }
    public int Igd { get; set; }
    public bool Firewall { get; set; }
    public bool Silent { get; set; }

    /// <summary>What grants a mapping arrives only after the mapper was released.</summary>
    public bool GrantsLate { get; set; }
    public PcpResult PcpResult { get; set; }
    public int SoapError { get; set; }
    public ushort Taken { get; set; }
    public IpAddress Outside { get; set; } = IpAddress.Parse("44.1.2.3");
    public uint Grants { get; set; } = 7200;
    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_000_000);
    public List<string> Log { get; } = [];
    public HashSet<ushort> Mapped { get; } = [];
    public List<MapperEvent> Events { get; } = [];
    public PortMapper Mapper { get; private set; } = null!;

    public void Start(bool v6 = false)
    {
        _began = Now - TimeSpan.FromSeconds(1000);
        Mapper = new PortMapper(new Gateway(Address, Own), v6 ? new Gateway(Address6, Own6) : null,
            new PortMapperOptions { Port = Port, Secret = new byte[16] }, new SeededRandom(1), _outbox, Now);
        Settle();
    }

    public void Run(TimeSpan time)
    {
        var until = Now + time;
        while (Mapper.NextTimeout <= until)
        {
            Now = Instant.Max(Now, Mapper.NextTimeout);
            Mapper.HandleTimeout(Now);
            Settle();
        }
        Now = until;
    }

    public void Restart(bool announce = false)
    {
        _began = Now;
        Mapped.Clear();
        if (announce)
            Mapper.HandleDatagram(PcpHeader(0, 0), new Endpoint(Address, 5351), Now);
        Settle();
    }

    public void Release()
    {
        Mapper.Release(Now);
        GrantsLate = false;
        Settle();
        while (_late.TryDequeue(out var arrive))
        {
            arrive();
            Settle();
        }
    }

    uint Epoch => (uint)(Now - _began).TotalSeconds;

    void Settle()
    {
        for (var idle = false; !idle;)
        {
            idle = true;
            var sent = Enumerable.Range(0, _outbox.Batch.Count).Select(i => (Bytes: _outbox.Batch.Bytes(i).ToArray(), _outbox.Batch[i].Remote)).ToList();
            _outbox.Batch.Clear();
            foreach (var (bytes, to) in sent)
            {
                idle = false;
                Answer(bytes, to);
            }
            while (Mapper.TryTakeRequest(out var request))
            {
                idle = false;
                var reply = Silent ? null : Reply(request);
                Arrive(request.Action?.Contains("#Add", StringComparison.Ordinal) == true, () => Mapper.HandleReply(request.Number, reply, Now));
            }
        }
        while (Mapper.TryTakeEvent(out var happened))
            Events.Add(happened);
    }

    void Answer(byte[] bytes, Endpoint to)
    {
        if (Silent)
            return;
        if (to.Port == Ssdp.Port && Igd > 0 && Encoding.ASCII.GetString(bytes).Contains($"Device:{Igd}", StringComparison.Ordinal))
            Mapper.HandleDatagram(Encoding.ASCII.GetBytes(
                $"HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:{Igd}\r\nLOCATION: http://192.168.1.1:5000/desc.xml\r\n\r\n"),
                new Endpoint(Address, Ssdp.Port), Now);
        else if (to.Port == 5351 && bytes[0] == 2 && (to.Address.IsV4 ? Pcp : Pinholes))
            AnswerPcp(bytes, to);
        else if (to.Port == 5351 && NatPmp && to.Address.IsV4)
            AnswerNatPmp(bytes, to);
    }

    void AnswerPcp(byte[] request, Endpoint to)
    {
        var lifetime = BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(4));
        var port = BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(42));
        Log.Add($"pcp {port} {lifetime}");
        var granted = Grant(port, lifetime);
        var answer = PcpHeader(1, (byte)PcpResult, PcpResult == PcpResult.Success ? lifetime == 0 ? 0 : Grants : 30, request[24..]);
        BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(42), granted);
        (to.Address.IsV4 ? Outside : Own6).WriteMapped(answer.AsSpan(44));
        Arrive(lifetime != 0, () => Mapper.HandleDatagram(answer, to, Now));
    }

    void Arrive(bool grants, Action arrive)
    {
        if (grants && GrantsLate)
            _late.Enqueue(arrive);
        else
            arrive();
    }

    byte[] PcpHeader(byte opcode, byte result, uint lifetime = 0, byte[]? payload = null)
    {
        var answer = new byte[24 + (payload?.Length ?? 0)];
        (answer[0], answer[1], answer[3]) = (2, (byte)(0x80 | opcode), result);
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(4), lifetime);
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(8), Epoch);
        payload?.CopyTo(answer, 24);
        return answer;
    }

    void AnswerNatPmp(byte[] request, Endpoint to)
    {
        if (request[0] != 0)
        {
            Mapper.HandleDatagram([0, 0x81, 0, 1, 0, 0, 0, 0], to, Now);
            return;
        }
        var answer = new byte[request[1] == 0 ? 12 : 16];
        answer[1] = (byte)(0x80 | request[1]);
        BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(4), Epoch);
        if (request[1] == 0)
            Outside.Write(answer.AsSpan(8));
        else
        {
            var port = BinaryPrimitives.ReadUInt16BigEndian(request.AsSpan(6));
            var lifetime = BinaryPrimitives.ReadUInt32BigEndian(request.AsSpan(8));
            Log.Add($"nat-pmp {port} {lifetime}");
            BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(8), Port);
            BinaryPrimitives.WriteUInt16BigEndian(answer.AsSpan(10), Grant(port, lifetime));
            BinaryPrimitives.WriteUInt32BigEndian(answer.AsSpan(12), lifetime == 0 ? 0 : Grants);
        }
        Arrive(request[1] != 0 && answer[12..] is not [0, 0, 0, 0], () => Mapper.HandleDatagram(answer, to, Now));
    }

    ushort Grant(ushort wish, uint lifetime)
    {
        var port = wish == Taken ? (ushort)(wish + 1) : wish;
        if (lifetime == 0)
            Mapped.Clear();
        else
            Mapped.Add(port);
        return port;
    }

    byte[] Reply(GatewayRequest request)
    {
        if (request.Action is null)
            return Encoding.ASCII.GetBytes(Descriptions.Of(Igd, Firewall));
        var action = request.Action.Trim('"').Split('#')[1];
        var body = Encoding.ASCII.GetString(request.Body);
        var port = ushort.TryParse(ExternalPort().Match(body).Groups[1].Value, out var read) ? read : (ushort)0;
        Log.Add($"{action} {port}");
        switch (action)
        {
            case "GetExternalIPAddress":
                return Soap(action, $"<NewExternalIPAddress>{Outside}</NewExternalIPAddress>");
            case "GetFirewallStatus":
                return Soap(action, "<FirewallEnabled>1</FirewallEnabled><InboundPinholeAllowed>1</InboundPinholeAllowed>");
            case "AddPinhole":
                return Soap(action, "<UniqueID>7</UniqueID>");
            case "AddPortMapping" or "AddAnyPortMapping" when SoapError != 0 && !body.Contains("<NewLeaseDuration>0<", StringComparison.Ordinal):
                return Fault(SoapError);
            case "AddPortMapping" when port == Taken:
                return Fault(718);
            case "AddPortMapping":
                Mapped.Add(port);
                return Soap(action, "");
            case "AddAnyPortMapping":
                return Soap(action, $"<NewReservedPort>{Grant(port, 1)}</NewReservedPort>");
            case "DeletePortMapping":
                Mapped.Remove(port);
                return Soap(action, "");
            default:
                return Soap(action, "");
        }
    }

    static byte[] Soap(string action, string values) => Encoding.ASCII.GetBytes(
        $"<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><u:{action}Response xmlns:u=\"urn:x\">{values}</u:{action}Response></s:Body></s:Envelope>");

    static byte[] Fault(int code) => Encoding.ASCII.GetBytes(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        + $"<UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>{code}</errorCode><errorDescription>No</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>");

    [GeneratedRegex("<NewExternalPort>(\\d+)<")]
    private static partial Regex ExternalPort();
}

/// <summary>Device descriptions as gateways have them.</summary>
static class Descriptions
{
    public static string Of(int version, bool firewall) =>
        "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"
        + "<deviceList><device><serviceList>" + Service("WANCommonInterfaceConfig:1", "/ctl/Common") + "</serviceList><deviceList><device><serviceList>"
        + Service($"WANIPConnection:{version}", "/ctl/IPConn") + (firewall ? Service("WANIPv6FirewallControl:1", "/ctl/Firewall") : "")
        + "</serviceList></device></deviceList></device></deviceList></device></root>";

    public static string Service(string type, string control) =>
        $"<service><serviceType>urn:schemas-upnp-org:service:{type}</serviceType><serviceId>x</serviceId><controlURL>{control}</controlURL></service>";
}
