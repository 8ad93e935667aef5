using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// The relay's or exit's side of one client session: the tunnel, where its datagrams come from, its channels, and its lease
/// when it is an exit session. Changed by the owner thread; pump threads read it and say from where the client was heard.
/// </summary>
public sealed class Inbound : IDeadline
{
    /// <summary>Channels that one session may hold.</summary>
    public const int MaxChannels = 8;

    sealed class Location(Endpoint endpoint) { public readonly Endpoint Endpoint = endpoint; }

    // Honest clients ask a few things while they build and then probe once a second. The owner thread serves all sessions:
    // none may keep it busy, nor use a relay to knock at other doors without end.
    const int MostRequests = 100, MostInitiations = 20, MostSources = 20;

    // Each of several paths is probed twenty times a second while much goes by them.
    const int MostRequestsOfPaths = 1000;

    // An honest client has one signature checked for each channel, or two for a next hop behind a NAT.
    const int MostChecks = 10;

    Budget _requests, _initiations, _sources, _introductions, _checks;

    volatile Location _remote;
    volatile UnprovenPath? _unproven;
    volatile ExitPaths? _paths;
    Location _responded;
    volatile Channel[] _channels = [];
    volatile ExitLease? _lease;
    volatile bool _understandsControl, _isProven;
    int _owed;

    public Inbound(Tunnel tunnel, Endpoint remote, PublicKey localKey = default)
    {
        LocalKey = localKey;
        Tunnel = tunnel;
        _remote = _responded = new Location(remote);
        tunnel.Context = this;
    }

    public Tunnel Tunnel { get; }

    /// <summary>
    /// Where everything for the client goes: the newest address at which it has shown that it receives. The client's key
    /// does not show that: with a forged source, a client would aim its download at somebody else.
    /// </summary>
    public Endpoint Remote => _paths is { } paths ? paths.Surest : _remote.Endpoint;

    /// <summary>Where a datagram of so many bytes goes: when the client has shown several addresses, by one of several paths.</summary>
    internal Endpoint RemoteFor(int bytes, Instant now) => _paths is { } paths ? paths.Choose(bytes, now) : _remote.Endpoint;

    /// <summary>Set once the client sends by several paths: what comes from it is to be put in order.</summary>
    internal Resequencer? Order { get; private set; }

    internal ExitPaths? Paths => _paths;

    /// <summary>Set while this is an exit session.</summary>
    public ExitLease? Lease => _lease;

    internal ReadOnlySpan<Channel> Channels => _channels;

    /// <summary>The relay key that the client addressed.</summary>
    internal PublicKey LocalKey { get; }

    /// <summary>Set while this is the session of a node behind a NAT that is reached through us.</summary>
    internal Registration? Registration { get; set; }

    /// <summary>The client has proven that it holds its key and our answer reached it; until then it costs us little.</summary>
    internal bool IsProven { get => _isProven; set => _isProven = value; }

    /// <summary>Opens early data behind the newest initiation; null when none is taken (any more). Not owned.</summary>
    internal EarlyKey? Early { get; set; }

    /// <summary>Early data came behind its first initiation.</summary>
    internal bool IsEarly { get; set; }

    /// <summary>Set while cover traffic goes to the client.</summary>
    internal CoverMachine? Cover { get; set; }

    /// <summary>When the session ends if nothing more is heard.</summary>
    internal Instant Expires { get; set; }

    /// <summary>Malformed or forged control messages so far; a session that goes on with them is cut off.</summary>
    internal int Abuse { get; set; }

    int IDeadline.Place { get; set; }

    /// <summary>The client asks, so it also answers: a plain WireGuard client does neither and proves its address by handshakes alone.</summary>
    internal bool UnderstandsControl { get => _understandsControl; set => _understandsControl = value; }

    /// <summary>
    /// Called by whoever authenticated a datagram of this session. True when its source must be challenged: the owner
    /// thread must be told, which calls <see cref="TryTakeChallenge"/>.
    /// </summary>
    /// <param name="bytes">Of the datagram.</param>
    internal bool HeardFrom(Endpoint source, int bytes, Instant now) =>
        !(_paths is { } paths ? paths.NoteReceived(source, bytes) : _remote.Endpoint == source) && HeardFromUnproven(source, bytes, now);

    /// <summary>A challenge is due, and where to.</summary>
    internal bool TryTakeChallenge(IRandom random, out Endpoint to, out ulong token)
    {
        (to, token) = (default, 0);
        if (_unproven is not { } path || !path.TryTakeChallenge(random, out token))
            return false;
        to = path.Endpoint;
        return true;
    }

    /// <summary>The client sent the token back: it receives where it was sent to.</summary>
    internal void HandleResponse(PathResponse response, ReorderMemory memory, Instant now)
    {
        if (_unproven is not { } path || !path.IsAnsweredBy(response.Token))
            return;
        if (response.IsBeside && Lease is not null)
        {
            Order ??= new Resequencer(memory);
            var paths = _paths ?? new ExitPaths(_remote.Endpoint, now);
            paths.Add(path.Endpoint, now);
            (_paths, _unproven) = (paths, null);
        }
        else
            (_remote, _paths, _unproven) = (new Location(path.Endpoint), null, null);
    }

    /// <summary>What the client told of the path by which it came, and what to tell it by the same. Null: it came by none that is proven.</summary>
    internal PathReport? HandleReport(in PathReport report, Endpoint source, Instant now)
    {
        if (_paths?.Handle(report, source, now) is not { } own)
            return null;
        Order!.Wait = _paths.Wait;
        return own;
    }

    /// <summary>The response of a handshake was sent there; <see cref="HandleConfirmed"/> follows if the client got it.</summary>
    internal void RespondedTo(Endpoint source)
    {
        if (_responded.Endpoint != source)
            _responded = new Location(source);
    }

    /// <summary>The newest session is proven: nobody can use it who did not receive the response.</summary>
    internal void HandleConfirmed()
    {
        _remote = _responded;
        if (_paths?.Has(_responded.Endpoint) == false)
            _paths = null;
    }

    /// <summary>So many bytes of early data came.</summary>
    internal void Owe(int bytes) => Interlocked.Add(ref _owed, bytes);

    /// <summary>Whether so many bytes may go to the client: to an address that is not proven no more than came from there. Any thread.</summary>
    internal bool MayAnswer(int bytes)
    {
        if (_isProven)
            return true;
        for (var owed = Volatile.Read(ref _owed); owed >= bytes; owed = Volatile.Read(ref _owed))
            if (Interlocked.CompareExchange(ref _owed, owed - bytes, owed) == owed)
                return true;
        return false;
    }

    public Channel? FindChannel(uint number)
    {
        foreach (var channel in _channels)
            if (channel.Number == number)
                return channel;
        return null;
    }

    /// <summary>Whether one more payload of this session may go to the owner thread. Asked by pump threads.</summary>
    internal bool MayAsk(Instant now) => _requests.TrySpend(now, _paths is null ? MostRequests : MostRequestsOfPaths);

    /// <summary>Whether one more initiation may pass, over all channels: closing one and opening another wins nothing.</summary>
    internal bool MayInitiate(Instant now) => _initiations.TrySpend(now, MostInitiations);

    /// <summary>Whether one more signature may be checked.</summary>
    internal bool MayCheck(Instant now) => _checks.TrySpend(now, MostChecks);

    internal bool MayIntroduce(Instant now) => _introductions.TrySpend(now, Introducer.MostAsked);

    internal void Add(Channel channel) => _channels = [.. _channels, channel];

    internal void Remove(Channel channel) => _channels = Array.FindAll(_channels, c => c != channel);

    internal void SetLease(ExitLease? lease) => _lease = lease;

    bool HeardFromUnproven(Endpoint source, int bytes, Instant now)
    {
        // A challenge is as long as all that this session gets: nobody shall draw more than the threefold of what he sent.
        if (!UnderstandsControl || Tunnel.PadTo > 3 * bytes)
            return false;
        var path = _unproven;
        if (path?.Endpoint == source)
        {
            if (!path.IsTimeToAsk(now))
                return false;
        }
        // A client that changes its source with every datagram must not keep the owner thread busy.
        else if (_sources.TrySpend(now, MostSources))
            path = new UnprovenPath(source);
        else
            return false;
        path.Ask(now);
        _unproven = path;
        return true;
    }
}
