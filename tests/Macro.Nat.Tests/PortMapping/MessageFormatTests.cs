using System.Text;
using Macro.Core;
using Macro.Nat.PortMapping;

namespace Macro.Nat.Tests.PortMapping;

public class MessageFormatTests
{
    static readonly IpAddress s_own = IpAddress.Parse("192.168.1.10");
    static readonly UInt128 s_nonce = new(0x01020304, 0x05060708090a0b0c);

    [Fact]
    public void Writes_pcp_map_as_rfc_6887_has_it()
    {
        var room = new byte[PcpMessage.MapSize];
        PcpMessage.WriteMap(room, s_own, 7200, s_nonce, 51820, new Endpoint(IpAddress.V4Any, 51820));

        Assert.Equal(
            "0201000000001C20" + "00000000000000000000FFFFC0A8010A" + "0102030405060708090A0B0C" + "11000000" + "CA6CCA6C" + "00000000000000000000FFFF00000000",
            Convert.ToHexString(room));
    }

    [Fact]
    public void Reads_a_pcp_answer()
    {
        var bytes = Convert.FromHexString(
            "0281000000000E10" + "0000002A" + "000000000000000000000000" + "0102030405060708090A0B0C" + "11000000" + "CA6CCA6D" + "00000000000000000000FFFF2C010203");

        Assert.True(PcpMessage.TryParse(bytes, out var message));
        Assert.Equal(new PcpMessage
        {
            Opcode = PcpOpcode.Map,
            Lifetime = 3600,
            Epoch = 42,
            Nonce = s_nonce,
            InternalPort = 51820,
            External = Endpoint.Parse("44.1.2.3:51821"),
        }, message);
        for (var length = 0; length < bytes.Length; length++)
            Assert.False(PcpMessage.TryParse(bytes.AsSpan(0, length), out _));
    }

    [Fact]
    public void Writes_and_reads_nat_pmp_as_rfc_6886_has_it()
    {
        var room = new byte[16];
        Assert.Equal("0000", Convert.ToHexString(room.AsSpan(0, NatPmpMessage.WriteExternalAddress(room))));
        Assert.Equal("00010000CA6CCA6C00001C20", Convert.ToHexString(room.AsSpan(0, NatPmpMessage.WriteMap(room, 51820, 51820, 7200))));

        Assert.True(NatPmpMessage.TryParse(Convert.FromHexString("008000000000002A2C010203"), out var address));
        Assert.Equal((IpAddress.Parse("44.1.2.3"), 42u), (address.External, address.Epoch));
        Assert.True(NatPmpMessage.TryParse(Convert.FromHexString("008100000000002ACA6CCA6D00001C20"), out var mapping));
        Assert.Equal((51820, 51821, 7200u), (mapping.InternalPort, mapping.ExternalPort, mapping.Lifetime));
        Assert.True(NatPmpMessage.TryParse(Convert.FromHexString("008100020000002A"), out var error));
        Assert.Equal(NatPmpResult.NotAuthorized, error.Result);
        Assert.False(NatPmpMessage.TryParse(Convert.FromHexString("008100000000002A"), out _));
    }

    [Theory]
    [InlineData(0, 100, 100, true)]
    [InlineData(10, 100, 110, true)]
    [InlineData(10, 100, 112, true)]
    [InlineData(0, 100, 99, true)]
    [InlineData(10, 100, 98, false)]
    [InlineData(10, 100, 0, false)]
    [InlineData(1000, 100, 1040, true)]
    [InlineData(1000, 100, 1000, false)]
    [InlineData(10, 100, 200, false)]
    public void An_epoch_that_runs_off_our_clock_tells_of_a_restart(int elapsed, uint before, uint after, bool continued)
    {
        var epoch = new GatewayEpoch();
        var now = Instant.FromUnixSeconds(1_000_000);
        Assert.True(epoch.IsContinued(before, now));

        Assert.Equal(continued, epoch.IsContinued(after, now + TimeSpan.FromSeconds(elapsed)));
    }

    [Theory]
    [InlineData("http://192.168.1.1:5000/desc.xml", "192.168.1.1:5000", "/desc.xml")]
    [InlineData("HTTP://192.168.1.1", "192.168.1.1:80", "/")]
    [InlineData("http://[fe80::1]:49152/a?b=c#d", "[fe80::1]:49152", "/a?b=c")]
    [InlineData("http://[fe80::1]/", "[fe80::1]:80", "/")]
    public void Reads_urls_of_gateways(string text, string host, string path)
    {
        Assert.True(GatewayUrl.TryParse(text, out var url));
        Assert.Equal(new GatewayUrl(Endpoint.Parse(host), path), url);
    }

    [Theory]
    [InlineData("https://192.168.1.1/")]
    [InlineData("http://router.local/")]
    [InlineData("http://user@192.168.1.1/")]
    [InlineData("http://192.168.1.1:0/")]
    [InlineData("http://192.168.1.1:99999/")]
    [InlineData("http://192.168.1.1/a b")]
    [InlineData("http://192.168.1.1/\r\nHost: x")]
    [InlineData("http://0300.0250.1.1/")]
    [InlineData("http://3232235777/")]
    [InlineData("file:///etc/passwd")]
    [InlineData("http://")]
    public void Refuses_urls_that_lead_elsewhere(string text) => Assert.False(GatewayUrl.TryParse(text, out _));

    [Theory]
    [InlineData("HTTP/1.")]
    [InlineData("HTTP/1.1 200")]
    [InlineData("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nLOCATION: http://192.168.1.1/\r\n\r\n")]
    [InlineData("NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\n\r\n")]
    public void Refuses_what_is_no_answer_of_a_gateway(string datagram) => Assert.False(Ssdp.TryParseReply(Encoding.ASCII.GetBytes(datagram), out _));

    [Theory]
    [InlineData("/ctl/IPConn", "/ctl/IPConn")]
    [InlineData("ctl", "/base/ctl")]
    [InlineData("http://192.168.1.1:5000/x", "/x")]
    [InlineData("http://192.168.1.2:5000/x", null)]
    [InlineData("http://192.168.1.1:22/x", null)]
    [InlineData("//192.168.1.2/x", null)]
    [InlineData("", null)]
    public void A_control_url_stays_at_the_gateway(string reference, string? path)
    {
        var source = new GatewayUrl(Endpoint.Parse("192.168.1.1:5000"), "/base/desc.xml");

        Assert.Equal(path is not null, source.TryResolve(reference, out var url));
        Assert.True(path is null || url == source with { Path = path });
    }

    [Fact]
    public void Picks_the_best_service_of_a_gateway()
    {
        var source = new GatewayUrl(Endpoint.Parse("192.168.1.1:5000"), "/desc.xml");
        var document = "<root>" + Descriptions.Service("WANPPPConnection:1", "/ppp") + Descriptions.Service("WANIPConnection:2", "/two")
            + Descriptions.Service("WANIPConnection:1", "/one") + Descriptions.Service("WANIPConnection:2", "http://10.0.0.1/away")
            + Descriptions.Service("WANIPv6FirewallControl:1", "/firewall") + "</root>";

        Assert.True(DeviceDescription.TryParse(Encoding.ASCII.GetBytes(document), source, out var description));
        Assert.Equal(("/two", 2), (description.Connection!.Control.Path, description.Connection.Version));
        Assert.Equal("/firewall", description.Firewall!.Control.Path);
    }

    [Theory]
    [InlineData("<!DOCTYPE a [<!ENTITY x \"y\">]><root>&x;</root>")]
    [InlineData("<root><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType></service>")]
    [InlineData("no xml")]
    [InlineData("")]
    public void Descriptions_that_are_no_good_are_none(string document) =>
        Assert.False(DeviceDescription.TryParse(Encoding.ASCII.GetBytes(document), default, out _));

    [Fact]
    public void Nothing_is_believed_of_a_document_deeper_or_longer_than_any_gateway_has()
    {
        var source = new GatewayUrl(Endpoint.Parse("192.168.1.1:5000"), "/desc.xml");
        var service = Descriptions.Service("WANIPConnection:1", "/one");
        var deep = string.Concat(Enumerable.Repeat("<a>", 40)) + service;

        Assert.False(DeviceDescription.TryParse(Encoding.ASCII.GetBytes(deep), source, out _));
        Assert.False(DeviceDescription.TryParse(Encoding.ASCII.GetBytes(new string(' ', 70_000) + service), source, out _));
    }

    [Fact]
    public void A_description_whose_bytes_are_not_of_its_encoding_ends_and_throws_nothing() =>
        Assert.False(DeviceDescription.TryParse([.. "<?xml version=\"1.0\"X?I"u8, 0xAC, .. "i.0\"?>"u8], default, out _));

    [Fact]
    public void Reads_values_and_faults()
    {
        var values = "<s:Envelope xmlns:s=\"x\"><s:Body><u:GetExternalIPAddressResponse xmlns:u=\"y\"><NewExternalIPAddress>44.1.2.3</NewExternalIPAddress></u:GetExternalIPAddressResponse></s:Body></s:Envelope>";
        var fault = "<e><Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></Fault></e>";

        Assert.True(SoapReply.TryParse(Encoding.ASCII.GetBytes(values), "GetExternalIPAddress", out var reply));
        Assert.Equal((0, "44.1.2.3"), (reply.Error, reply["NewExternalIPAddress"]));
        Assert.True(SoapReply.TryParse(Encoding.ASCII.GetBytes(fault), "GetExternalIPAddress", out var refusal));
        Assert.Equal(718, refusal.Error);
        Assert.False(SoapReply.TryParse(Encoding.ASCII.GetBytes(values), "AddPortMapping", out _));
    }
}
