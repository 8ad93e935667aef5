using System.Buffers.Binary;
using Macro.Core;
using Macro.Peers;
using Macro.Simulation;

namespace Macro.Sim;

/// <summary>A network of relays that all know each other, as clients and other relays see it who ask them: no sessions, no loss.</summary>
sealed class RelayWorld(ulong seed)
{
    public static readonly DescriptorRules Rules = DescriptorRules.Public with { WorkBits = 0 };

    static readonly string[] s_regions = ["DE", "US", "US", "NL", "FR", "CH", "JP", "BR", "ZA", "IN"];

    readonly Dictionary<NodeId, Func<byte[], byte[]>> _answers = [];
    readonly HashSet<IpAddress> _addresses = [];
    int _numbers = (int)seed << 24;

    public SeededRandom Random { get; } = new(seed);

    public Instant Now { get; set; } = Instant.FromUnixSeconds(1_800_000_000);

    public uint Epoch => Peers.Epoch.At(Now);

    /// <summary>A new relay at an address of its own.</summary>
    public SignedDescriptor NewRelay()
    {
        using var identity = Identity(_numbers++);
        return Sign(identity, Now);
    }

    public SignedDescriptor[] NewRelays(int count) => [.. Enumerable.Range(0, count).Select(_ => NewRelay())];

    public SignedDescriptor Sign(NodeIdentity identity, Instant at) => SignedDescriptor.Sign(identity, NetworkKey.Public, new Descriptor
    {
        Epoch = Peers.Epoch.At(at),
        NotBefore = at,
        Validity = TimeSpan.FromHours(3),
        RelayKey = identity.Id.Key,
        Capabilities = Capabilities.Relay,
        Region = s_regions[Random.NextInt(s_regions.Length)],
        Endpoints = [new Endpoint(NewAddress(), 51900), new Endpoint(new IpAddress((UInt128)0x2600 << 112 | (UInt128)Random.NextUInt32() << 80 | 1), 51900)],
    }, at);

    public RelayDirectory Directory(IEnumerable<SignedDescriptor> relays)
    {
        var directory = new RelayDirectory(NetworkKey.Public, 400_000);
        foreach (var relay in relays)
            directory.Offer(relay, Now);
        return directory;
    }

    /// <summary>These relays answer from this directory.</summary>
    public DirectoryService Serve(IEnumerable<SignedDescriptor> relays, RelayDirectory directory)
    {
        var service = new DirectoryService(directory, Rules) { Root = DirectoryRoot.Of(directory) };
        foreach (var relay in relays)
            Serve(relay, request => service.Answer(request, Now, out var answer) == ServiceVerdict.Answered ? answer : []);
        return service;
    }

    public void Serve(SignedDescriptor relay, Func<byte[], byte[]> answer) => _answers[relay.Id] = answer;

    public byte[] Ask(NodeId relay, byte[] request)
    {
        // So much that a budget of work is full again.
        Now += TimeSpan.FromMilliseconds(5);
        return _answers.TryGetValue(relay, out var answer) ? answer(request) : [];
    }

    /// <summary>One round of a sampler. Without descriptors, only what is listed is looked at.</summary>
    public ShardSampler Sample(IEnumerable<SignedDescriptor> sources, bool fetches = true, SamplerOptions? options = null)
    {
        var sampler = new ShardSampler(Rules, options ?? new SamplerOptions(), Random);
        foreach (var source in sources)
            sampler.AddSource(source);
        while (sampler.TryTakeRequest(out var request))
            if (fetches || request.Body[0] != 5)
                sampler.HandleAnswer(request.Number, Ask(request.Relay.Id, request.Body), Now);
        return sampler;
    }

    public SignedDescriptor[] Some(IReadOnlyList<SignedDescriptor> relays, int count)
    {
        var some = relays.ToArray();
        Random.Shuffle(some.AsSpan());
        return some[..count];
    }

    public static NodeIdentity Identity(int number)
    {
        var seed = new byte[32];
        BinaryPrimitives.WriteInt32LittleEndian(seed, number);
        seed[31] = 2;
        return new NodeIdentity(seed);
    }

    IpAddress NewAddress()
    {
        while (true)
        {
            var address = IpAddress.FromV4(Random.NextUInt32());
            if (AddressScope.IsPublic(address) && _addresses.Add(address))
                return address;
        }
    }
}
