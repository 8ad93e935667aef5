using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// The relay's or exit's side of one client session: the tunnel, where its datagrams come from, its channels, and its lease
/// when it is an exit session. Changed by the owner thread; pump threads read it, and move <see cref="Remote"/>.
/// </summary>
public sealed class Inbound : IDeadline
{
    /// <summary>Channels that one session may hold.</summary>
    public const int MaxChannels = 8;

    sealed class Location(Endpoint endpoint) { public readonly Endpoint Endpoint = endpoint; }

    // Honest clients ask a few things while they build and then probe once a second. The owner thread serves all sessions:
    // none may keep it busy, nor use a relay to knock at other doors without end.
    const int MostRequests = 100, MostInitiations = 20;
    Budget _requests, _initiations;

    volatile Location _remote;
    volatile Channel[] _channels = [];
    volatile ExitLease? _lease;

    public Inbound(Tunnel tunnel, Endpoint remote)
    {
        Tunnel = tunnel;
        _remote = new Location(remote);
        tunnel.Context = this;
    }

    public Tunnel Tunnel { get; }

    /// <summary>Source of the last datagram that proved the client's key; answers go there.</summary>
    public Endpoint Remote => _remote.Endpoint;

    /// <summary>Set while this is an exit session.</summary>
    public ExitLease? Lease => _lease;

    internal ReadOnlySpan<Channel> Channels => _channels;

    /// <summary>The client has proven that it holds its key and our answer reached it; until then it costs us little.</summary>
    internal bool IsProven { get; set; }

    /// <summary>When the session ends if nothing more is heard.</summary>
    internal Instant Expires { get; set; }

    /// <summary>Malformed control messages so far; a session that goes on with them is cut off.</summary>
    internal int Abuse { get; set; }

    int IDeadline.Place { get; set; }

    /// <summary>Called by whoever authenticated a datagram of this session.</summary>
    public void Roam(Endpoint source)
    {
        if (_remote.Endpoint != source)
            _remote = new Location(source);
    }

    public Channel? FindChannel(uint number)
    {
        foreach (var channel in _channels)
            if (channel.Number == number)
                return channel;
        return null;
    }

    /// <summary>Whether one more payload of this session may go to the owner thread. Asked by pump threads.</summary>
    internal bool MayAsk(Instant now) => _requests.TrySpend(now, MostRequests);

    /// <summary>Whether one more initiation may pass, over all channels: closing one and opening another wins nothing.</summary>
    internal bool MayInitiate(Instant now) => _initiations.TrySpend(now, MostInitiations);

    internal void Add(Channel channel) => _channels = [.. _channels, channel];

    internal void Remove(Channel channel) => _channels = Array.FindAll(_channels, c => c != channel);

    internal void SetLease(ExitLease? lease) => _lease = lease;
}
