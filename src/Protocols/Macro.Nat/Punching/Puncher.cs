using Macro.Core;
using Macro.Crypto;

namespace Macro.Nat;

/// <summary>
/// A node's direct paths: those being looked for and those that are kept. Datagrams find theirs by the attempt id; what fits
/// none costs a look-up and nothing else. A state machine of one owner thread.
/// </summary>
public sealed class Puncher(IRandom random)
{
    /// <summary>Paths at a time, those that others asked for included.</summary>
    public const int MaxPaths = 512;

    readonly Dictionary<ulong, DirectPath> _paths = [];
    readonly Deadlines<DirectPath> _deadlines = new();
    readonly Queue<DirectPath> _ready = new();

    public int Count => _paths.Count;

    /// <summary>What this network's NAT was found to forget after.</summary>
    public KeepaliveInterval Lifetime { get; } = new();

    public Instant NextTimeout => _deadlines.Next;

    /// <summary>Datagrams of an attempt that nobody knows, or that its peer did not write.</summary>
    public long Forged { get; private set; }

    public bool Knows(ulong attempt) => _paths.ContainsKey(attempt);

    public DirectPath? Find(ulong attempt) => _paths.GetValueOrDefault(attempt);

    public ulong DrawAttempt() => random.NextUInt64();

    /// <summary>
    /// Looks for a path, and keeps it if there is one, until <see cref="Close"/> or until it is lost. Null when there are too
    /// many, when the attempt is known already, or when the peer's key is none.
    /// </summary>
    /// <param name="start">When both sides begin.</param>
    /// <param name="expires">When it is given up however well it works.</param>
    public DirectPath? TryBegin(
        ulong attempt, bool isInitiator, PrivateKey key, PublicKey peerKey, PunchOffer own, PunchOffer peer, Instant start, Instant expires, object? context = null)
    {
        if (_paths.Count >= MaxPaths || _paths.ContainsKey(attempt) || DiscoSession.TryBegin(attempt, isInitiator, key, peerKey) is not { } disco)
            return null;
        var path = new DirectPath(disco, new Punch(disco, own, peer, start, random), Lifetime, context, expires);
        _paths.Add(attempt, path);
        _deadlines.Set(path, path.NextTimeout);
        return path;
    }

    /// <summary>A datagram that <see cref="DiscoMessage.IsDisco"/>.</summary>
    /// <param name="socket">By which it came: see <see cref="PunchDatagram"/>.</param>
    /// <returns>The path that it belongs to, whose use may have changed; null for forgeries.</returns>
    public DirectPath? Handle(ReadOnlySpan<byte> datagram, Endpoint source, int socket, Instant now)
    {
        if (!DiscoMessage.IsDisco(datagram) || !_paths.TryGetValue(DiscoMessage.ReadAttempt(datagram), out var path)
            || !path.Handle(datagram, source, socket, now))
        {
            Forged++;
            return null;
        }
        Schedule(path);
        return path;
    }

    /// <summary>The session that uses this path carried packets.</summary>
    public void NoteTraffic(DirectPath path, Instant now)
    {
        ArgumentNullException.ThrowIfNull(path);
        path.NoteTraffic(now);
        Schedule(path);
    }

    /// <summary>One path whose time has come; its use may have changed, or it is over. Repeat until null.</summary>
    public DirectPath? HandleTimeout(Instant now)
    {
        if (!_deadlines.TryTakeDue(now, out var path))
            return null;
        path.HandleTimeout(now);
        if (path.IsOver)
            Close(path);
        Schedule(path);
        return path;
    }

    /// <summary>Forgets a path. Nothing of the peer is answered any more.</summary>
    public void Close(DirectPath path)
    {
        ArgumentNullException.ThrowIfNull(path);
        path.Close();
        _deadlines.Remove(path);
        _paths.Remove(path.Attempt);
    }

    /// <summary>A datagram that is to be sent now.</summary>
    public bool TryTake(Instant now, out DirectPath path, out PunchDatagram datagram)
    {
        while (_ready.TryPeek(out path!))
        {
            if (!path.IsOver && path.TryTake(now, out datagram))
                return true;
            _ready.Dequeue();
        }
        datagram = default;
        return false;
    }

    void Schedule(DirectPath path)
    {
        if (path.IsOver)
            return;
        _ready.Enqueue(path);
        _deadlines.Set(path, path.NextTimeout);
    }
}
