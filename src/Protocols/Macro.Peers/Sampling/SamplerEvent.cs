namespace Macro.Peers;

/// <summary>What a <see cref="ShardSampler"/> noticed: for the user's status, and for whoever keeps a reputation.</summary>
public abstract record SamplerEvent;

/// <summary>Fewer than three sources in different networks could be asked: what they say is not confirmed by others yet.</summary>
public sealed record FewSources(int Sources) : SamplerEvent;

/// <summary>The sources divide about a shard; more of them are asked, and the majority counts.</summary>
/// <param name="Agreed">Relays that a majority lists.</param>
/// <param name="Listed">Relays that anybody lists.</param>
public sealed record ShardContested(Shard Shard, int Sources, int Agreed, int Listed) : SamplerEvent;

/// <summary>
/// A shard holds far more or fewer relays than the size of the network lets one expect: it is crowded with made-up names, or
/// relays are hidden.
/// </summary>
public sealed record DensityOff(Shard Shard, int Expected, int Found) : SamplerEvent;

/// <summary>A source lists another shard than the majority, or its root is unlike the others'. It is not asked again.</summary>
public sealed record SourceDisagrees(NodeId Relay, double Agreement) : SamplerEvent;

/// <summary>A source gave a descriptor that does not hold, or not the one that it had listed. It is not asked again.</summary>
public sealed record SourceLies(NodeId Relay, DescriptorVerdict Verdict) : SamplerEvent;

/// <summary>
/// A source gave a descriptor of another time: it replays old ones, or its clock or ours is wrong. It is not asked again in this round. When
/// all sources are so, it is our clock.
/// </summary>
public sealed record SourceStale(NodeId Relay, DescriptorVerdict Verdict) : SamplerEvent;

/// <summary>Nobody answered.</summary>
public sealed record NoSource : SamplerEvent;
