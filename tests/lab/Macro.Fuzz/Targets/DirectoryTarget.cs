using Macro.Core;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// Directory messages: read, asked of a service that holds fifty relays, and, as answers, given to one who reconciles and one
/// who samples.
/// </summary>
sealed class DirectoryTarget : IFuzzTarget
{
    static readonly DescriptorRules s_rules = DescriptorRules.Public with { WorkBits = 0 };
    static readonly Instant s_begin = Instant.FromUnixSeconds(1_800_000_000);

    readonly SignedDescriptor[] _relays = [.. Enumerable.Range(0, 50).Select(Relay)];
    readonly RelayDirectory _directory = new(NetworkKey.Public);
    DirectoryService _service;
    Reconciler _session;
    ShardSampler _sampler;
    Instant _now = s_begin;

    public DirectoryTarget()
    {
        foreach (var relay in _relays)
            _directory.Offer(relay, s_begin);
        (_service, _session, _sampler) = (null!, null!, null!);
        Reset();
    }

    public string Name => "directory";

    public int MaxAllocation => 512 * 1024;

    public void Reset()
    {
        _now = s_begin;
        _service = new DirectoryService(_directory, s_rules);
        _session = NewSession();
        _sampler = NewSampler();
    }

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        _now += TimeSpan.FromMilliseconds(10);
        var message = DirectoryCodec.Decode(input);
        seen.Add(message is null ? 0 : input[0]);
        if (message is not null)
            InvariantException.Require(DirectoryCodec.Encode(message).AsSpan().SequenceEqual(input), "a message has one encoding");

        var verdict = _service.Answer(input, _now, out var answer);
        seen.Add((int)verdict);
        InvariantException.Require(answer.Length <= DirectoryMessage.MaxSize && (verdict == ServiceVerdict.Answered) == answer.Length > 0, "an answer fits, and comes with its verdict");
        InvariantException.Require(verdict != ServiceVerdict.Answered || DirectoryCodec.Decode(answer) is not null, "an answer is a message");
        seen.Add(answer.Length == 0 ? 0 : answer[0]);
        seen.AddSize(answer.Length);
        while (_service.TryTakePublished(out _))
            seen.Add(1);

        if (_session.TryTakeRequest(out var number, out var request))
        {
            InvariantException.Require(DirectoryCodec.Decode(request) is not null, "a question is a message");
            _session.HandleAnswer(number, input, _now);
        }
        seen.Add(_session.Failed ? 1 : 0);
        seen.AddSize(_session.Found);
        if (_session.IsDone)
            _session = NewSession();

        if (_sampler.TryTakeRequest(out var sample))
            _sampler.HandleAnswer(sample.Number, input, _now);
        while (_sampler.TryTakeEvent(out var happened))
            seen.Add(happened.GetType().Name.Length);
        seen.AddSize((int)Math.Min(1 << 20, _sampler.NetworkSize));
        if (_sampler.IsDone)
            _sampler = NewSampler();
        return seen.Value;
    }

    Reconciler NewSession() => new(_directory, s_rules, new SeededRandom(1), _ => false, _now);

    ShardSampler NewSampler()
    {
        var sampler = new ShardSampler(s_rules, new SamplerOptions(), new SeededRandom(1));
        for (var i = 0; i < 3; i++)
            sampler.AddSource(_relays[i]);
        return sampler;
    }

    static SignedDescriptor Relay(int number)
    {
        using var identity = new NodeIdentity([.. Enumerable.Repeat((byte)(number + 1), 32)]);
        return SignedDescriptor.Sign(identity, NetworkKey.Public, new Descriptor
        {
            Epoch = Epoch.At(s_begin),
            NotBefore = s_begin,
            Validity = TimeSpan.FromHours(3),
            RelayKey = identity.Id.Key,
            Capabilities = Capabilities.Relay,
            Endpoints = [new Endpoint(IpAddress.FromV4(0x2c000001u + ((uint)number << 16)), 51900)],
        }, s_begin);
    }
}
