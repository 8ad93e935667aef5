using Macro.Core;
using Macro.Crypto;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Engine.Tests;

public sealed class SyncLoadTests
{
    readonly SyncLoad _load = new(new SeededRandom(1));
    readonly Instant _now = Instant.FromUnixSeconds(1_800_000_000);
    readonly SignedDescriptor[] _relays = [.. Enumerable.Range(0, 5).Select(i => Relay((ulong)i))];

    [Fact]
    public void A_relay_is_asked_no_more_often_than_it_hears()
    {
        _load.Begin(_relays[0], [], _now);

        Assert.Equal(80, AskAll(wanted: 1000, _now).Count);
        Assert.Equal(_now + TimeSpan.FromSeconds(10), _load.NextTimeout);
        Assert.Equal(80, AskAll(wanted: 1000, _load.NextTimeout).Count);
    }

    [Fact]
    public void Many_descriptors_come_from_several_relays_alike()
    {
        _load.Begin(_relays[0], _relays, _now);

        var asked = AskAll(wanted: 1000, _now);

        Assert.Equal(5 * 80, asked.Count);
        Assert.All(_relays, relay => Assert.InRange(asked.Take(100).Count(one => one == relay), 19, 21));
    }

    [Fact]
    public void What_only_the_partner_is_sure_to_have_is_asked_of_it_alone()
    {
        _load.Begin(_relays[0], _relays, _now);

        Assert.All(AskAll(SyncLoad.Many - 1, _now), relay => Assert.Equal(_relays[0], relay));
    }

    [Fact]
    public void Who_does_not_answer_is_left_out_and_who_was_met_meanwhile_helps()
    {
        _load.Begin(_relays[0], [_relays[1]], _now);
        _load.Drop(_relays[1]);
        _load.Add(_relays[2]);

        Assert.Equal([_relays[0], _relays[2]], AskAll(wanted: 1000, _now).Distinct().OrderBy(relay => Array.IndexOf(_relays, relay)));
    }

    List<SignedDescriptor> AskAll(int wanted, Instant now)
    {
        var asked = new List<SignedDescriptor>();
        while (_load.Pick(wanted, now) is { } relay)
        {
            _load.Asked(relay, now);
            asked.Add(relay);
        }
        return asked;
    }

    static SignedDescriptor Relay(ulong seed)
    {
        var (identity, now) = (NodeIdentity.Generate(new SeededRandom(seed)), Instant.FromUnixSeconds(1_800_000_000));
        using var key = PrivateKey.Generate(new SeededRandom(seed));
        return SignedDescriptor.Sign(
            identity, NetworkKey.Public,
            new Descriptor { Epoch = Epoch.At(now), NotBefore = now, Validity = TimeSpan.FromHours(2), RelayKey = key.PublicKey, Endpoints = [Endpoint.Parse("44.1.0.1:1")] }, now);
    }
}
