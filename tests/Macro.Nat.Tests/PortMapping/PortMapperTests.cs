using Macro.Core;
using Macro.Nat.PortMapping;

namespace Macro.Nat.Tests.PortMapping;

public class PortMapperTests
{
    readonly FakeGateway _gateway = new();

    static Endpoint Outside(ushort port = FakeGateway.Port) => new(IpAddress.Parse("44.1.2.3"), port);

    [Fact]
    public void Pcp_maps_in_one_round_trip_and_nothing_else_is_mapped()
    {
        (_gateway.Pcp, _gateway.NatPmp, _gateway.Igd) = (true, true, 2);
        _gateway.Start();

        Assert.Equal((MappingProtocol.Pcp, Outside()), (_gateway.Mapper.Mapping!.Protocol, _gateway.Mapper.Mapping.Outside));
        _gateway.Run(TimeSpan.FromSeconds(10));
        Assert.Equal([MappingProtocol.Pcp, MappingProtocol.NatPmp, MappingProtocol.Igd2], _gateway.Mapper.Found);
        Assert.Equal(["pcp 51820 7200", "GetExternalIPAddress 0"], _gateway.Log);
    }

    [Fact]
    public void A_gateway_of_version_0_gets_nat_pmp_at_once()
    {
        _gateway.NatPmp = true;
        _gateway.Start();

        Assert.Equal((MappingProtocol.NatPmp, Outside()), (_gateway.Mapper.Mapping!.Protocol, _gateway.Mapper.Mapping.Outside));
    }

    [Theory]
    [InlineData(1, MappingProtocol.Igd1)]
    [InlineData(2, MappingProtocol.Igd2)]
    public void Upnp_alone_maps_after_the_patience(int version, MappingProtocol expected)
    {
        _gateway.Igd = version;
        _gateway.Start();
        Assert.Null(_gateway.Mapper.Mapping);

        _gateway.Run(TimeSpan.FromSeconds(1));

        Assert.Equal((expected, Outside()), (_gateway.Mapper.Mapping!.Protocol, _gateway.Mapper.Mapping.Outside));
    }

    [Theory]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(false, false, 2)]
    public void Honours_the_port_that_it_was_given(bool pcp, bool natPmp, int igd)
    {
        (_gateway.Pcp, _gateway.NatPmp, _gateway.Igd, _gateway.Taken) = (pcp, natPmp, igd, FakeGateway.Port);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromHours(2));

        Assert.Equal(Outside(FakeGateway.Port + 1), _gateway.Mapper.Mapping!.Outside);
        // Renewals wish for what was given.
        Assert.Equal([FakeGateway.Port + 1], _gateway.Mapped);
    }

    [Fact]
    public void With_the_first_version_of_upnp_it_looks_for_a_free_port_itself()
    {
        (_gateway.Igd, _gateway.Taken) = (1, FakeGateway.Port);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromSeconds(2));

        Assert.NotEqual(FakeGateway.Port, _gateway.Mapper.Mapping!.Outside.Port);
        Assert.Equal([_gateway.Mapper.Mapping.Outside.Port], _gateway.Mapped);
    }

    [Fact]
    public void A_gateway_that_knows_only_permanent_leases_gets_one()
    {
        (_gateway.Igd, _gateway.SoapError) = (1, 725);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromSeconds(2));

        Assert.Equal(Instant.Never, _gateway.Mapper.Mapping!.Ends);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Renews_at_half_of_what_was_granted(bool pcp)
    {
        (_gateway.Pcp, _gateway.NatPmp, _gateway.Grants) = (pcp, !pcp, 600);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromHours(1));

        var renewals = _gateway.Events.Count(e => e.Kind == MapperEventKind.Renewed);
        Assert.InRange(renewals, 3600 / 375 - 1, 3600 / 300);
        Assert.DoesNotContain(_gateway.Events, e => e.Kind == MapperEventKind.Lost);
    }

    [Fact]
    public void A_mapping_ends_with_its_lease_when_the_gateway_falls_silent_and_comes_back_with_it()
    {
        (_gateway.Pcp, _gateway.Grants) = (true, 600);
        _gateway.Start();
        _gateway.Silent = true;
        _gateway.Run(TimeSpan.FromSeconds(599));
        Assert.NotNull(_gateway.Mapper.Mapping);
        _gateway.Run(TimeSpan.FromSeconds(2));
        Assert.Null(_gateway.Mapper.Mapping);

        _gateway.Silent = false;
        _gateway.Run(TimeSpan.FromMinutes(11));
        Assert.NotNull(_gateway.Mapper.Mapping);
    }

    [Fact]
    public void A_gateway_that_announces_its_restart_is_asked_again_within_a_second()
    {
        _gateway.Pcp = true;
        _gateway.Start();
        _gateway.Run(TimeSpan.FromMinutes(5));

        _gateway.Restart(announce: true);
        Assert.Empty(_gateway.Mapped);
        _gateway.Run(TimeSpan.FromSeconds(1));

        Assert.Equal([FakeGateway.Port], _gateway.Mapped);
        Assert.Contains(_gateway.Events, e => e.Kind == MapperEventKind.Restarted);
    }

    [Fact]
    public void A_restart_that_shows_only_at_a_renewal_leads_to_another_one()
    {
        (_gateway.NatPmp, _gateway.Grants) = (true, 600);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromMinutes(2));
        _gateway.Restart();
        _gateway.Run(TimeSpan.FromMinutes(5));

        Assert.Equal([FakeGateway.Port], _gateway.Mapped);
    }

    [Fact]
    public void What_pcp_refuses_is_asked_by_the_next_protocol()
    {
        (_gateway.Pcp, _gateway.PcpResult, _gateway.Igd) = (true, PcpResult.NotAuthorized, 1);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromSeconds(2));

        Assert.Contains(_gateway.Events, e => e is { Kind: MapperEventKind.Refused, Protocol: MappingProtocol.Pcp, Code: 2 });
        Assert.Equal(MappingProtocol.Igd1, _gateway.Mapper.Mapping!.Protocol);
    }

    [Theory]
    [InlineData("44.1.2.3", "44.1.2.3", MappingTrust.Confirmed)]
    [InlineData("44.1.2.3", "44.9.9.9", MappingTrust.Contradicted)]
    [InlineData("100.64.7.7", "44.9.9.9", MappingTrust.Nested)]
    [InlineData("10.0.0.2", "44.9.9.9", MappingTrust.Nested)]
    public void A_gateways_word_about_its_outside_is_checked(string says, string observed, MappingTrust expected)
    {
        (_gateway.Pcp, _gateway.Outside) = (true, IpAddress.Parse(says));
        _gateway.Start();
        _gateway.Mapper.Observe(IpAddress.Parse(observed));

        Assert.Equal(expected, _gateway.Mapper.Mapping!.Trust);
        Assert.Equal(expected == MappingTrust.Confirmed, _gateway.Mapper.Mapping.IsUsable);
    }

    [Theory]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(false, false, 1)]
    [InlineData(false, false, 2)]
    public void Nothing_stays_behind(bool pcp, bool natPmp, int igd)
    {
        (_gateway.Pcp, _gateway.NatPmp, _gateway.Igd) = (pcp, natPmp, igd);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromSeconds(2));
        Assert.NotEmpty(_gateway.Mapped);

        _gateway.Release();

        Assert.Empty(_gateway.Mapped);
        Assert.True(_gateway.Mapper.IsReleased);
        Assert.Equal(Instant.Never, _gateway.Mapper.NextTimeout);
    }

    [Theory]
    [InlineData(true, false, 0)]
    [InlineData(false, true, 0)]
    [InlineData(false, false, 1)]
    [InlineData(false, false, 2)]
    public void What_is_granted_after_the_release_does_not_stay_behind_either(bool pcp, bool natPmp, int igd)
    {
        (_gateway.Pcp, _gateway.NatPmp, _gateway.Igd, _gateway.GrantsLate) = (pcp, natPmp, igd, true);
        _gateway.Start();
        _gateway.Run(TimeSpan.FromSeconds(2));
        Assert.NotEmpty(_gateway.Mapped);
        Assert.Null(_gateway.Mapper.Mapping);

        _gateway.Release();

        Assert.Empty(_gateway.Mapped);
        Assert.Null(_gateway.Mapper.Mapping);
        Assert.True(_gateway.Mapper.IsReleased);
    }

    [Fact]
    public void A_pinhole_opens_by_pcp_or_else_by_upnp()
    {
        (_gateway.Pcp, _gateway.Pinholes) = (true, true);
        _gateway.Start(v6: true);
        Assert.Equal(new Endpoint(FakeGateway.Own6, FakeGateway.Port), _gateway.Mapper.Pinhole!.Outside);

        var other = new FakeGateway { Igd = 2, Firewall = true };
        other.Start(v6: true);
        other.Run(TimeSpan.FromSeconds(10));
        Assert.Equal((MappingProtocol.Igd2, new Endpoint(FakeGateway.Own6, FakeGateway.Port)), (other.Mapper.Pinhole!.Protocol, other.Mapper.Pinhole.Outside));
    }

    [Fact]
    public void Nobody_else_can_speak_for_the_gateway()
    {
        _gateway.Start();
        var answer = new byte[16];
        (answer[1], answer[11], answer[15]) = (0x80, 1, 1);

        _gateway.Mapper.HandleDatagram(answer.AsSpan(0, 12), Endpoint.Parse("192.168.1.66:5351"), _gateway.Now);
        _gateway.Mapper.HandleDatagram(
            "HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nLOCATION: http://192.168.1.66/x\r\n\r\n"u8,
            new Endpoint(FakeGateway.Address, 1900), _gateway.Now);

        Assert.True(_gateway.Mapper.FoundNothing);
        Assert.False(_gateway.Mapper.TryTakeRequest(out _));
    }

    [Fact]
    public void A_gateway_that_offers_nothing_is_left_in_peace()
    {
        _gateway.Start();
        _gateway.Run(TimeSpan.FromHours(1));

        Assert.True(_gateway.Mapper.FoundNothing);
        Assert.Empty(_gateway.Events);
    }
}
