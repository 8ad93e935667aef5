namespace Macro.Fuzz;

/// <summary>All of them.</summary>
public static class FuzzTargets
{
    public static IReadOnlyList<string> Names { get; } = [.. All().Select(target => target.Name)];

    public static IEnumerable<IFuzzTarget> All() =>
    [
        new IpTarget(), new TcpTarget(), new UdpTarget(), new IcmpTarget(), new DnsTarget(), new DnsResolverTarget(), new SocksTarget(),
        new HttpTarget(), new BencodeTarget(), new KrpcTarget(), new StunTarget(), new GatewayTarget(), new TcpFrameTarget(),
        new DescriptorTarget(), new DirectoryTarget(), new SeedListTarget(), new InviteTarget(),
    ];
}

/// <summary>A digest of what was seen (FNV-1a), grown step by step.</summary>
struct Digest()
{
    uint _value = 2166136261;

    public readonly uint Value => _value;

    public void Add(int seen) => _value = (_value ^ (uint)seen) * 16777619;

    /// <summary>Lengths by their magnitude: every single one would be new.</summary>
    public void AddSize(int size) => Add(System.Numerics.BitOperations.Log2((uint)size + 1));
}
