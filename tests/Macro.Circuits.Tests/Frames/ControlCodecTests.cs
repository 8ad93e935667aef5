using CsCheck;
using Macro.Circuits;
using Macro.Core;

namespace Macro.Circuits.Tests;

public class ControlCodecTests
{
    public static TheoryData<ControlMessage> Messages =>
    [
        new Hello { Version = 1, Features = 5 },
        new HelloAnswer { Status = ControlStatus.Ok, Version = 1, Roles = 3, Mtu = 1420, LoadClass = 2, Observed = Endpoint.Parse("192.0.2.1:443") },
        new HelloAnswer { Status = ControlStatus.Ok, Version = 1, Observed = Endpoint.Parse("[2001:db8::1]:1") },
        new Bind { Channel = uint.MaxValue, Index = 1 },
        new OpenExit { V4 = true, V6 = false },
        new OpenExitAnswer { Status = ControlStatus.Ok, V4 = true, V6 = true, Region = "NL", Policy = "web only", Mtu = 1340 },
        new OpenExitAnswer { Status = ControlStatus.Ok, Mtu = 1340, Paths = 4 },
        new Probe { Token = ulong.MaxValue },
        new Probe { Token = 1, Report = new PathReport(7, 0, 5, 4, 6, 3) },
        new ProbeAnswer { Status = ControlStatus.Ok, Token = 1, Report = new PathReport(1L << 51, 1L << 50, 0, 0, 0, 0) },
        new ProbeAnswer { Status = ControlStatus.Ok, Token = 7, Drops = 1 },
        new Close { Channel = 0 },
        new PathChallenge { Token = ulong.MaxValue },
        new PathResponse { Status = ControlStatus.Ok, Token = 1 },
        new PathResponse { Status = ControlStatus.Ok, Token = 1, IsBeside = true },
        new StatusAnswer(ControlType.Extend) { Status = ControlStatus.RefusedLoad },
    ];

    [Theory, MemberData(nameof(Messages))]
    public void Every_message_is_read_back(ControlMessage message)
    {
        var verdict = ControlCodec.Decode(ControlCodec.Encode(message), out var read, out var type, out var isAnswer);
        Assert.Equal(ControlVerdict.Ok, verdict);
        Assert.Equal(message, read);
        Assert.Equal(message.Type, type);
        Assert.Equal(message is ControlAnswer, isAnswer);
    }

    [Fact]
    public void Extend_carries_its_descriptor()
    {
        var descriptor = Enumerable.Range(0, 600).Select(i => (byte)i).ToArray();
        ControlCodec.Decode(ControlCodec.Encode(new Extend { Channel = 9, Descriptor = descriptor }), out var read, out _, out _);
        var extend = Assert.IsType<Extend>(read);
        Assert.Equal(9u, extend.Channel);
        Assert.Equal(descriptor, extend.Descriptor.ToArray());
    }

    [Fact]
    public void The_largest_body_of_a_directory_message_fits()
    {
        var body = new byte[DirectoryRequest.MaxBody];
        body[^1] = 7;
        var bytes = ControlCodec.Encode(new DirectoryAnswer { Status = ControlStatus.Ok, Body = body });
        Assert.InRange(bytes.Length, body.Length, ControlMessage.MaxSize);
        ControlCodec.Decode(bytes, out var answer, out _, out var isAnswer);
        Assert.True(isAnswer);
        Assert.Equal(body, Assert.IsType<DirectoryAnswer>(answer).Body.ToArray());
        ControlCodec.Decode(ControlCodec.Encode(new DirectoryRequest { Body = body }), out var request, out _, out _);
        Assert.Equal(body, Assert.IsType<DirectoryRequest>(request).Body.ToArray());
    }

    [Fact]
    public void Bytes_of_a_probe_are_as_documented() =>
        Assert.Equal("a20006021903e8", Convert.ToHexStringLower(ControlCodec.Encode(new Probe { Token = 1000 })));

    [Fact]
    public void Bytes_of_a_report_are_as_documented() =>
        Assert.Equal("a800060201030704000505060407060803", Convert.ToHexStringLower(ControlCodec.Encode(new Probe { Token = 1, Report = new PathReport(7, 0, 5, 4, 6, 3) })));

    [Fact]
    public void A_report_of_senseless_numbers_is_none()
    {
        var bytes = ControlCodec.Encode(new Probe { Token = 1, Report = new PathReport(1, -1, 0, 0, 0, 0) });
        Assert.Equal(ControlVerdict.Ok, ControlCodec.Decode(bytes, out var read, out _, out _));
        Assert.Null(Assert.IsType<Probe>(read).Report);
    }

    [Fact]
    public void Unknown_fields_are_skipped() =>
        Assert.Equal(ControlVerdict.Ok, ControlCodec.Decode(Convert.FromHexString("a30006021903e8186363616263"), out _, out _, out _));

    [Fact]
    public void An_unknown_message_is_told_from_a_malformed_one()
    {
        Assert.Equal(ControlVerdict.Unknown, ControlCodec.Decode(Convert.FromHexString("a10018 63".Replace(" ", "")), out _, out var type, out _));
        Assert.Equal(0x63, (byte)type);
        Assert.Equal(ControlVerdict.Malformed, ControlCodec.Decode(Convert.FromHexString("a10006"), out _, out _, out _));
    }

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Byte.Array[0, 80].Sample(bytes => ControlCodec.Decode(bytes, out _, out _, out _) is var _, iter: 20_000);

    [Fact]
    public void Mutated_messages_never_throw() =>
        Gen.Select(Gen.Int[0, 7], Gen.Int[0, 40], Gen.Byte).Sample((which, at, value) =>
        {
            var bytes = ControlCodec.Encode(new OpenExitAnswer { Status = ControlStatus.Ok, Region = "NL", Policy = "web" });
            bytes[at % bytes.Length] = value;
            ControlCodec.Decode(bytes.AsSpan(0, bytes.Length - which % bytes.Length), out _, out _, out _);
        }, iter: 20_000);
}
