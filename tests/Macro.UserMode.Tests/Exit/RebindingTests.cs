using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;
using Macro.NetStack.Dns;
using Macro.Simulation;
using Macro.UserMode.Tests.Resolver;

namespace Macro.UserMode.Tests.Exit;

/// <summary>
/// Names whose owner makes them point at the exit's own networks, from the start or after a first, harmless answer. The exit's
/// resolver does not tell such addresses, and as clients connect to addresses, the policy sees each of them again.
/// </summary>
public sealed class RebindingTests : IDisposable
{
    readonly UpstreamServer _upstream;
    readonly ExitRig _rig = new(policy: new ExitPolicy([ExitPolicy.AcceptAll], HostileTargets.Own));
    IpAddress[] _zone = [];

    public RebindingTests()
    {
        _upstream = new UpstreamServer((query, _) => Answer(query));
        ExitNameServer.Start(
            _rig.Exit.Stack, address => _rig.Session,
            new ExitNameServerOptions { Upstreams = [_upstream.Endpoint], IsDenied = address => _rig.Exit.Policy.Denies(address), BytesPerSession = 0 },
            SystemRandom.Shared);
    }

    public void Dispose()
    {
        _rig.Dispose();
        _upstream.Dispose();
    }

    public static TheoryData<string> Targets => [.. HostileTargets.All.Select(target => target.Address)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_name_of_a_hostile_target_has_no_address(string target)
    {
        _zone = [IpAddress.Parse(target)];
        Assert.Empty(Ask("rebind.example.com", RecordType.A));
        Assert.Empty(Ask("rebind.example.com", RecordType.Aaaa));
    }

    [Fact]
    public void A_name_that_turns_hostile_after_its_first_answer_leads_nowhere()
    {
        _zone = [IpAddress.Parse("93.184.216.34")];
        Assert.Equal(_zone, Ask("rebind.example.com", RecordType.A));

        _zone = [IpAddress.Parse("169.254.169.254"), IpAddress.Parse("127.0.0.1"), IpAddress.Parse("192.168.0.1")];
        Assert.Empty(Ask("rebind.example.com", RecordType.A));
        // A client that heard of the address elsewhere gets no further.
        Assert.Equal(TcpFailure.Prohibited, _rig.Connect(Endpoint.Parse("169.254.169.254:80")).Failure);
        Assert.Equal(TcpFailure.Prohibited, _rig.Connect(Endpoint.Parse("192.168.0.1:80")).Failure);
    }

    [Fact]
    public void Of_a_mixed_answer_the_harmless_part_is_told()
    {
        _zone = [IpAddress.Parse("10.0.0.1"), IpAddress.Parse("93.184.216.34"), IpAddress.Parse("44.1.2.3")];
        Assert.Equal([IpAddress.Parse("93.184.216.34")], Ask("rebind.example.com", RecordType.A));
    }

    List<IpAddress> Ask(string name, RecordType type)
    {
        var port = new ClientPort(_rig);
        port.Send(new Endpoint(ExitResolver.Address.V4, 53), ResolverRig.Query(name, type));
        _rig.Until(() => port.Received.Count == 1);
        var answer = port.Received[0].Payload;
        Assert.True(MessageView.TryParse(answer, out var view));
        var addresses = new List<IpAddress>();
        foreach (var record in view.Records)
            if (record.Section == Section.Answer && record.Type == type)
                addresses.Add(IpAddress.Read(record.Data));
        return addresses;
    }

    byte[] Answer(byte[] query)
    {
        Assert.True(MessageView.TryParse(query, out var view));
        var room = new byte[4096];
        var writer = new MessageWriter(room);
        writer.SetHeader(view.Id, HeaderFlags.Response | HeaderFlags.RecursionDesired | HeaderFlags.RecursionAvailable, ResponseCode.NoError);
        writer.TryAddQuestion(view.Question);
        Span<byte> data = stackalloc byte[16];
        foreach (var address in _zone)
            if (view.QuestionType == (address.IsV4 ? RecordType.A : RecordType.Aaaa))
            {
                address.Write(data);
                writer.TryAddRecord(Section.Answer, view.QuestionName, view.QuestionType, 60, data[..address.Size]);
            }
            else if (view.QuestionType == RecordType.Aaaa)
            {
                // IPv4 in an AAAA record is a mapped address.
                address.WriteMapped(data);
                writer.TryAddRecord(Section.Answer, view.QuestionName, RecordType.Aaaa, 60, data);
            }
        return room[..writer.Length];
    }
}
