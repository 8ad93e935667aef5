using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Circuits.Tests;

public class SignatureChecksTests
{
    readonly SeededRandom _random = new(9);
    readonly Counting _verifier = new();
    readonly SignatureChecks _checks;
    Instant _now = Instant.FromUnixSeconds(1_800_000_000);
    int _sessions;

    public SignatureChecksTests() => _checks = new SignatureChecks(_verifier);

    [Fact]
    public void A_session_has_ten_checked_in_ten_seconds()
    {
        var session = Session();
        Assert.Equal(10, Enumerable.Range(0, 20).Count(i => Verify(session, i) == ControlStatus.Ok));
        Assert.Equal(ControlStatus.Ok, Verify(Session(), 19));
        _now += TimeSpan.FromSeconds(10);
        Assert.Equal(ControlStatus.Ok, Verify(session, 20));
    }

    [Fact]
    public void All_sessions_together_have_a_thousand_checked_in_a_second()
    {
        var sessions = Enumerable.Range(0, 150).Select(_ => Session()).ToArray();
        Assert.Equal(1000, Enumerable.Range(0, 1500).Count(i => Verify(sessions[i / 10], i) == ControlStatus.Ok));
        Assert.Equal(1000, _verifier.Count);
        // What many ask for is still to be had.
        Assert.Equal(ControlStatus.Ok, Verify(Session(), 7));
        _now += TimeSpan.FromSeconds(1);
        Assert.Equal(ControlStatus.Ok, Verify(Session(), 1500));
    }

    [Fact]
    public void What_held_is_checked_again_after_a_minute_and_what_did_not_at_once()
    {
        _verifier.Status = ControlStatus.RefusedUnverified;
        Assert.Equal(ControlStatus.RefusedUnverified, Verify(Session(), 1));
        _verifier.Status = ControlStatus.Ok;
        for (var i = 0; i < 20; i++)
            Assert.Equal(ControlStatus.Ok, Verify(Session(), 1));
        Assert.Equal(2, _verifier.Count);
        _now += SignatureChecks.Remembered;
        Verify(Session(), 1);
        Assert.Equal(3, _verifier.Count);
        _checks.Forget();
        Verify(Session(), 1);
        Assert.Equal(4, _verifier.Count);
    }

    [Fact]
    public void Of_more_than_are_remembered_the_oldest_are_forgotten()
    {
        for (var i = 0; i <= SignatureChecks.MostRemembered; i++, _now += TimeSpan.FromMilliseconds(2))
            Assert.Equal(ControlStatus.Ok, Verify(Session(), i));
        var before = _verifier.Count;
        Verify(Session(), SignatureChecks.MostRemembered);
        Assert.Equal(before, _verifier.Count);
        Verify(Session(), 0);
        Assert.Equal(before + 1, _verifier.Count);
    }

    ControlStatus Verify(Inbound session, int descriptor)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, descriptor);
        var status = _checks.Verify(session, bytes, _now, out var next);
        Assert.Equal(status == ControlStatus.Ok ? descriptor : 0, (int)next.Endpoint.Address.V4Bits);
        return status;
    }

    Inbound Session()
    {
        var options = new TunnelOptions { PrivateKey = PrivateKey.Generate(_random), Remote = PrivateKey.Generate(_random).PublicKey };
        return new Inbound(new Tunnel(options, new IndexTable(), _random), new Endpoint(IpAddress.FromV4(0x2c010000 + (uint)_sessions++), 5000));
    }

    /// <summary>Every descriptor leads to the address that it is.</summary>
    sealed class Counting : IHopVerifier
    {
        public int Count { get; private set; }

        public ControlStatus Status { get; set; }

        public ControlStatus Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
        {
            Count++;
            next = Status == ControlStatus.Ok ? new NextHop { Endpoint = new Endpoint(IpAddress.FromV4(BinaryPrimitives.ReadUInt32LittleEndian(descriptor)), 1) } : default;
            return Status;
        }
    }
}
