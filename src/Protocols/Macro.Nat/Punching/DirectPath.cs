using Macro.Core;

namespace Macro.Nat;

/// <summary>A direct path to one peer, looked for and then kept: its disco session, the punch, and the ways that were found.</summary>
public sealed class DirectPath : IDeadline
{
    readonly DiscoSession _disco;
    readonly Punch _punch;
    readonly PathKeeper _keeper;
    readonly Instant _expires;

    internal DirectPath(DiscoSession disco, Punch punch, KeepaliveInterval lifetime, object? context, Instant expires)
    {
        (_disco, _punch, _expires, Context) = (disco, punch, expires, context);
        _keeper = new PathKeeper(lifetime);
    }

    public ulong Attempt => _disco.Attempt;

    /// <summary>The owner's own: the hop or channel that this path is for.</summary>
    public object? Context { get; }

    public PunchVerdict Verdict => _punch.Verdict;

    /// <inheritdoc cref="PathKeeper.Use"/>
    public PathUse Use => _keeper.Use;

    /// <inheritdoc cref="PathKeeper.Path"/>
    public PunchedPath? Path => _keeper.Path;

    /// <inheritdoc cref="Punch.Sockets"/>
    public int Sockets => _punch.Sockets;

    /// <summary>Where the peer last saw our pings come from, by the node's port; none while it has told nothing.</summary>
    public Endpoint Observed { get; private set; }

    /// <summary>Whether this socket beside the node's port is wanted.</summary>
    public bool Needs(int socket) => !IsOver && (socket <= Sockets || _keeper.Uses(socket));

    /// <summary>Nothing was found, or what was found is gone: of no more use.</summary>
    public bool IsOver { get; private set; }

    int IDeadline.Place { get; set; }

    /// <inheritdoc cref="PathKeeper.LastTraffic"/>
    public Instant LastTraffic => _keeper.LastTraffic;

    internal Instant NextTimeout => IsOver ? Instant.Never : Instant.Min(_expires, Instant.Min(_punch.NextTimeout, _keeper.NextTimeout));

    /// <inheritdoc cref="PathKeeper.NoteTraffic"/>
    internal void NoteTraffic(Instant now) => _keeper.NoteTraffic(now);

    internal bool Handle(ReadOnlySpan<byte> datagram, Endpoint source, int socket, Instant now)
    {
        if (!_disco.TryRead(datagram, out var message))
            return false;
        if (_punch.Handle(message, source, socket, now) is { } proven)
        {
            _keeper.HandlePong(proven, now);
            Observed = socket == 0 ? message.Observed : Observed;
        }
        return true;
    }

    internal void HandleTimeout(Instant now)
    {
        _punch.HandleTimeout(now);
        _keeper.HandleTimeout(now);
        IsOver = now >= _expires
            || _punch.Verdict is PunchVerdict.NoAnswer or PunchVerdict.Blocked
            || (_punch.Verdict == PunchVerdict.Direct && _keeper.IsLost);
    }

    internal bool TryTake(Instant now, out PunchDatagram datagram)
    {
        if (_punch.TryTake(out datagram))
            return true;
        if (!_keeper.TryTakePing(out var way))
            return false;
        datagram = new PunchDatagram(way.Socket, way.Remote, _disco.Ping(now));
        return true;
    }

    internal void Close()
    {
        IsOver = true;
        _disco.Dispose();
    }
}
