namespace Macro.NetStack.Dns;

/// <summary>How long answers are kept, and how many. The TTL that a client is told is never above the one that came.</summary>
public sealed record AnswerLimits
{
    /// <summary>An answer is kept this long whatever its TTL; default 5 s. A TTL of 0 is still told as 0.</summary>
    public TimeSpan Shortest { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>TTLs above this are cut to it (RFC 8767 4), for the cache and for what is told; default one day.</summary>
    public TimeSpan Longest { get; init; } = TimeSpan.FromDays(1);

    /// <summary>The same for NXDOMAIN and NODATA (RFC 2308 5: one to three hours); default one hour.</summary>
    public TimeSpan LongestNegative { get; init; } = TimeSpan.FromHours(1);

    /// <summary>How long a failure to resolve is remembered (RFC 9520 3.2: 1 s to 5 min); default 5 s.</summary>
    public TimeSpan Failure { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long an answer may be told after it expired, while nothing better can be had (RFC 8767 5); default one day, 0: never.</summary>
    public TimeSpan Stale { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Bytes of all answers and what their keeping costs; default 4 MiB. The longest unused go first.</summary>
    public int Bytes { get; init; } = 4 << 20;
}
