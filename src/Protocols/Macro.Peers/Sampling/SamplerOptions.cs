namespace Macro.Peers;

/// <summary>How a client samples the network.</summary>
public sealed record SamplerOptions
{
    /// <summary>Shards that the pool holds, about 64 relays each.</summary>
    public int Shards { get; init; } = 4;

    /// <summary>Sources asked about each shard.</summary>
    public int Sources { get; init; } = 3;

    /// <summary>Sources asked at most about a shard on which they divide.</summary>
    public int MostSources { get; init; } = 9;

    /// <summary>Sources in different networks, and relays that hardly belong together. Off in private networks.</summary>
    public bool Diverse { get; init; } = true;

    /// <summary>
    /// The largest shard that is to be expected: a shard of n relays is taken with probability n to this, so that each relay is
    /// as likely as any other, whatever its shard.
    /// </summary>
    public int LargestShard { get; init; } = 2 * Shard.AimedSize;

    /// <summary>
    /// Only these are wanted, as exits of one country. A shard is then taken with a probability in proportion to the number of its relays
    /// that pass, at most <see cref="LargestMatch"/> of them, so that each is as likely as any other.
    /// </summary>
    public Func<SignedDescriptor, bool>? Filter { get; init; }

    /// <summary>Relays of one shard that pass the filter, as many as are to be expected at most.</summary>
    public int LargestMatch { get; init; } = 16;

    /// <summary>Share of the listed relays on which a majority must agree; below, more sources are asked.</summary>
    public double LeastAgreed { get; init; } = 0.8;

    /// <summary>Relays that a relay holds at most; in larger networks only those are asked about a shard who hold it.</summary>
    public int HeldAtMost { get; init; } = Coverage.HeldAtMost;

    /// <summary>Questions under way at once, and to one source.</summary>
    public int Window { get; init; } = 32;

    public int WindowOfSource { get; init; } = 6;
}
