using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>What a node does for others, and how much of it.</summary>
public sealed record RelayOptions
{
    /// <summary>Forwards to other relays.</summary>
    public bool IsRelay { get; init; }

    /// <summary>Sends clients' packets to the internet.</summary>
    public bool IsExit { get; init; }

    /// <summary>Most client sessions at once. Default 20 000; each costs about a kilobyte, and each channel 200 bytes.</summary>
    public int MaxSessions { get; init; } = 20_000;

    /// <summary>Largest payload of a session, in bytes.</summary>
    public int Mtu { get; init; } = CircuitMtu.Payload;

    /// <summary>Every session is made with it in a private network; null elsewhere. Not owned.</summary>
    public SecretBytes? PresharedKey { get; init; }

    /// <summary>ISO 3166 country told to clients, "ZZ" unknown.</summary>
    public string Region { get; init; } = "ZZ";

    /// <summary>One line that tells clients what the exit allows.</summary>
    public string PolicySummary { get; init; } = "";

    /// <summary>Most cover traffic towards one client, bytes an hour; 0: none, as where every byte counts. Default 32 million.</summary>
    public long CoverLimit { get; init; } = 32_000_000;

    public bool ExitV4 { get; init; } = true;
    public bool ExitV6 { get; init; } = true;
}

/// <summary>Sizes that every node shares, so that nothing about a packet tells how long its circuit is.</summary>
public static class CircuitMtu
{
    /// <summary>Payload of a session on the wire: 1500 less IPv6, UDP and WireGuard headers. Fits IPv4, too.</summary>
    public const int Payload = 1420;

    /// <summary>The longest message of a session.</summary>
    public const int Datagram = Payload + Message.DataOverhead;

    /// <summary>Cost of one hop more: frame header and WireGuard's header and tag.</summary>
    public const int PerHop = Frame.HeaderSize + 32;

    /// <summary>Most hops of a circuit.</summary>
    public const int MaxHops = 3;

    /// <summary>
    /// IP packets inside every circuit, whatever its length: what fits through the longest. Whoever seals towards the client
    /// does not know how many layers follow and pads to 16, so there must be room for that at each.
    /// </summary>
    public const int Inner = (((Payload - PerHop) & ~15) - PerHop) & ~15;

    /// <summary>
    /// Payload of every message of a session of constant size: what a full packet makes of it. It depends on the place of the
    /// hop alone, so that a path may take another one's place.
    /// </summary>
    /// <param name="index">0 = entry.</param>
    public static int Constant(int index) => index switch
    {
        0 => Payload,
        1 => (Payload - PerHop) & ~15,
        _ => Inner,
    };
}
