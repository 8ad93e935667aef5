using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Circuits.Tests;

public class SwitchTableTests
{
    static readonly Endpoint s_near = Endpoint.Parse("44.128.0.1:51820"), s_far = Endpoint.Parse("[2a0e:4400::1]:51820");

    readonly SwitchTable _table = new();
    readonly Inbound _inbound = NewInbound();

    [Fact]
    public void Two_channels_may_share_an_index_when_their_next_hops_differ()
    {
        var (near, far) = (new Channel(_inbound, 1, s_near), new Channel(_inbound, 2, s_far));

        Assert.True(_table.TryBind(near, 7));
        Assert.True(_table.TryBind(far, 7));
        Assert.True(_table.TryBind(near, 7));
        Assert.False(_table.TryBind(new Channel(_inbound, 3, s_near), 7));

        Assert.Equal(2, _table.Count);
        Assert.True(_table.TryFind(s_near, 7, out var found) && found == near);
        Assert.True(_table.TryFind(s_far, 7, out found) && found == far);
        _table.UnbindAll(near);
        Assert.False(_table.TryFind(s_near, 7, out _));
        Assert.True(_table.Uses(7));
        _table.UnbindAll(far);
        Assert.False(_table.Uses(7));
        Assert.Equal(0, _table.Count);
    }

    [Fact]
    public void The_oldest_index_gives_way_but_never_the_answered_one()
    {
        var channel = new Channel(_inbound, 1, s_near);
        for (var index = 1u; index <= Channel.MaxIndices; index++)
            _table.TryBind(channel, index);
        channel.Open(1);

        for (var index = 10u; index < 20; index++)
            Assert.True(_table.TryBind(channel, index));

        Assert.Equal(Channel.MaxIndices, _table.Count);
        Assert.Equal([1u, 17, 18, 19], Enumerable.Range(1, 30).Select(i => (uint)i).Where(_table.Uses));
    }

    [Fact]
    public void A_reader_always_finds_what_is_bound_while_others_come_and_go()
    {
        var steady = Enumerable.Range(0, 50).Select(i => new Channel(_inbound, (uint)i, s_near)).ToArray();
        for (var i = 0; i < steady.Length; i++)
            _table.TryBind(steady[i], (uint)i);
        var (missed, done) = (0, false);
        var reader = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
                for (var i = 0u; i < steady.Length; i++)
                    if (!_table.TryFind(s_near, i, out var channel) || channel!.Number != i)
                        missed++;
        });
        reader.Start();
        var passing = new List<Channel>();
        for (var i = 0u; i < 100_000; i++)
        {
            passing.Add(new Channel(_inbound, i, s_far));
            _table.TryBind(passing[^1], i);
            if (i % 3 == 0)
                _table.UnbindAll(passing[(int)(i / 2)]);
        }
        Volatile.Write(ref done, true);
        reader.Join();

        Assert.Equal(0, missed);
    }

    static Inbound NewInbound()
    {
        var random = new SeededRandom(1);
        var (ours, theirs) = (PrivateKey.Generate(random), PrivateKey.Generate(random));
        return new Inbound(new Tunnel(new TunnelOptions { PrivateKey = ours, Remote = theirs.PublicKey }, new IndexTable(), random), s_near);
    }
}
