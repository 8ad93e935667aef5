namespace Macro.WireGuard;

/// <summary>The constants of whitepaper section 6.1, and those that implementations agree on.</summary>
public static class Limits
{
    public const ulong RekeyAfterMessages = 1UL << 60;
    public const ulong RejectAfterMessages = ulong.MaxValue - (1UL << 13);
    public static readonly TimeSpan RekeyAfterTime = TimeSpan.FromSeconds(120);
    public static readonly TimeSpan RejectAfterTime = TimeSpan.FromSeconds(180);
    public static readonly TimeSpan RekeyAttemptTime = TimeSpan.FromSeconds(90);
    public static readonly TimeSpan RekeyTimeout = TimeSpan.FromSeconds(5);
    public static readonly TimeSpan KeepaliveTimeout = TimeSpan.FromSeconds(10);

    /// <summary>An initiation is repeated after <see cref="RekeyTimeout"/> plus up to this much.</summary>
    public static readonly TimeSpan RekeyJitter = TimeSpan.FromMilliseconds(334);

    /// <summary>All keys of a tunnel go this long after its last handshake (whitepaper 6.3).</summary>
    public static readonly TimeSpan EraseAfterTime = 3 * RejectAfterTime;

    /// <summary>Data was sent and nothing came back for this long: a new handshake (whitepaper 6.5).</summary>
    public static readonly TimeSpan UnansweredTime = KeepaliveTimeout + RekeyTimeout;

    /// <summary>An initiator that still receives on a session this old renews it, lest it dies for lack of data to send.</summary>
    public static readonly TimeSpan LastMinuteTime = RejectAfterTime - KeepaliveTimeout - RekeyTimeout;

    /// <summary>One peer's initiations are answered at most this often.</summary>
    public static readonly TimeSpan InitiationSpacing = TimeSpan.FromMilliseconds(20);

    /// <summary>Life of the secret behind the cookies, and of a cookie (whitepaper 5.4.7).</summary>
    public static readonly TimeSpan CookieLifetime = TimeSpan.FromSeconds(120);

    /// <summary>An initiator stops using a cookie this long before its end.</summary>
    public static readonly TimeSpan CookieLatency = TimeSpan.FromSeconds(5);
}
