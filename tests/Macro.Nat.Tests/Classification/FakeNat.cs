using Macro.Core;
using Macro.Nat.Classification;
using Macro.Nat.Stun;
using Macro.Simulation;

namespace Macro.Nat.Tests.Classification;

/// <summary>A NAT between three sockets of ours and STUN servers with two addresses each, under virtual time without delay.</summary>
sealed class FakeNat
{
    static readonly IpAddress s_inside = IpAddress.Parse("192.168.1.10");
    static readonly Endpoint[] s_own = [new(s_inside, 51820), new(s_inside, 40001), new(s_inside, 40002)];

    readonly Dictionary<(Endpoint Inside, Endpoint To), (ushort Port, Instant Used)> _mappings = [];
    readonly HashSet<(ushort Port, Endpoint From)> _sentTo = [];
    readonly SeededRandom _random = new(7);
    readonly List<Action> _answers = [];
    ushort _nextPort = 30_000;

    public MappingBehaviour Mapping { get; init; } = MappingBehaviour.EndpointIndependent;
    public FilteringBehaviour Filtering { get; init; } = FilteringBehaviour.AddressAndPortDependent;
    public PortAssignment Assignment { get; init; } = PortAssignment.Preserved;
    public bool Hairpin { get; init; }
    public bool Blocked { get; init; }
    public TimeSpan Timeout { get; init; } = TimeSpan.FromMinutes(5);
    public int Liars { get; init; }
    public IpAddress Outside { get; init; } = IpAddress.Parse("44.128.1.1");

    /// <summary>For how long the examination said that it sends nothing; it is held to that.</summary>
    public TimeSpan Silence { get; private set; }

    public NatClass Examine(bool lifetime = false, bool servers5780 = true)
    {
        var now = Instant.FromUnixSeconds(1_000_000);
        var classifier = new NatClassifier(VoteRules.Internet);
        classifier.SetOwn(Mapping == MappingBehaviour.NotTranslated ? [s_own[0] with { Address = Outside }] : [s_own[0]]);
        var servers = Enumerable.Range(1, 6).Select(i => Endpoint.Parse($"44.{128 + i}.0.1:3478")).ToArray();
        var examination = new NatExamination(servers, classifier, lifetime, new SeededRandom(1), now);
        var silentUntil = now;
        for (var steps = 0; !examination.IsDone && steps < 10_000; steps++)
        {
            if (Deliver(examination, servers, servers5780, now))
            {
                Assert.True(now >= silentUntil);
                continue;
            }
            silentUntil = Instant.Max(now, examination.SilentUntil);
            Silence += silentUntil - now;
            now = Instant.Max(now, examination.NextTimeout);
            examination.HandleTimeout(now);
        }
        Assert.True(examination.IsDone);
        return classifier.Class;
    }

    bool Deliver(NatExamination examination, Endpoint[] servers, bool servers5780, Instant now)
    {
        var any = false;
        for (var socket = 0; socket < 3; socket++)
        {
            var batch = examination.OutboxOf((ProbeSocket)socket).Batch;
            var sent = Enumerable.Range(0, batch.Count).Select(i => (Bytes: batch.Bytes(i).ToArray(), batch[i].Remote)).ToArray();
            batch.Clear();
            foreach (var (bytes, to) in sent)
            {
                any = true;
                if (!Blocked)
                    Pass(examination, servers, servers5780, s_own[socket], bytes, to, now);
            }
        }
        // The last answer first: the order of answers says nothing.
        var answers = _answers.ToArray();
        _answers.Clear();
        foreach (var answer in answers.Reverse())
            answer();
        return any;
    }

    void Pass(NatExamination examination, Endpoint[] servers, bool servers5780, Endpoint inside, byte[] bytes, Endpoint to, Instant now)
    {
        var source = MapOut(inside, to, now);
        _sentTo.Add((source.Port, to));
        if (to.Address == Outside)
        {
            if (Hairpin)
                MapIn(examination, to.Port, bytes, source, now);
            return;
        }
        var index = Array.IndexOf(servers, to);
        if (!MessageView.TryParse(bytes, out var request) || index < 0)
            return;
        var change = request.TryFind(AttributeType.ChangeRequest, out var flags) ? (ChangeRequest)flags[3] : ChangeRequest.None;
        if (change != ChangeRequest.None && !servers5780)
            return;
        var from = change switch
        {
            ChangeRequest.Both => Endpoint.Parse("44.250.0.1:3479"),
            ChangeRequest.Port => to with { Port = 3479 },
            _ => to,
        };
        var target = request.TryFind(AttributeType.ResponsePort, out var port) ? (ushort)(port[0] << 8 | port[1]) : source.Port;
        var room = new byte[128];
        var writer = new MessageWriter(room, MessageClass.Success, MessageView.Binding, request.Transaction);
        writer.AddXorMapped(index < Liars ? Endpoint.Parse("44.66.6.6:666") : source);
        if (servers5780)
            writer.AddAddress(AttributeType.OtherAddress, Endpoint.Parse("44.250.0.1:3479"));
        MapIn(examination, target, room[..writer.Length], from, now);
    }

    Endpoint MapOut(Endpoint inside, Endpoint to, Instant now)
    {
        var key = Mapping switch
        {
            MappingBehaviour.AddressDependent => to with { Port = 0 },
            MappingBehaviour.AddressAndPortDependent => to,
            _ => default,
        };
        if (!_mappings.TryGetValue((inside, key), out var mapping) || now - mapping.Used > Timeout)
        {
            _sentTo.RemoveWhere(sent => sent.Port == mapping.Port);
            mapping.Port = Assignment switch
            {
                PortAssignment.Preserved => inside.Port,
                PortAssignment.Sequential => _nextPort += 1,
                _ => (ushort)(1024 + _random.NextInt(60_000)),
            };
        }
        _mappings[(inside, key)] = (mapping.Port, now);
        return new Endpoint(Outside, mapping.Port);
    }

    void MapIn(NatExamination examination, ushort port, byte[] bytes, Endpoint from, Instant now)
    {
        var lives = _mappings.Where(mapping => mapping.Value.Port == port && now - mapping.Value.Used <= Timeout).Select(mapping => mapping.Key.Inside).ToArray();
        var passes = Filtering switch
        {
            FilteringBehaviour.EndpointIndependent => true,
            FilteringBehaviour.AddressDependent => _sentTo.Any(sent => sent.Port == port && sent.From.Address == from.Address),
            _ => _sentTo.Contains((port, from)),
        };
        if (lives.Length > 0 && passes)
            _answers.Add(() => examination.TryHandle((ProbeSocket)Array.IndexOf(s_own, lives[0]), bytes, from, now));
    }
}
