using Macro.Core;
using Macro.WireGuard;

namespace Macro.Circuits;

/// <summary>
/// Where the owner wants it, packets go by the path in use and by the others at the same time. Each is probed to the exit and back, and
/// each end tells the other what came by it: of that both make their choice for every packet. What the exit is to know it
/// learns as of any client that moves, but that the new address is one more and not another.
/// </summary>
public sealed partial class Circuit
{
    static readonly TimeSpan s_busyReport = TimeSpan.FromMilliseconds(50), s_joining = TimeSpan.FromMilliseconds(300), s_looksFor = TimeSpan.FromSeconds(1), s_busyFor = TimeSpan.FromSeconds(2);

    // Less than 2.5 Mbit/s fills no path.
    const long LeastBusy = 16_000;
    const int MostKnocks = 10;

    readonly Instant _epoch;
    readonly ReorderMemory _reorder = new(Resequencer.Size / ReorderMemory.BlockPackets);
    volatile PathScheduler<Hop[]>? _paths;
    PacketBatch? _released;
    Instant _nextReport = Instant.Never, _reportBy, _busyUntil;
    long _reportedBytes;
    uint _meters, _reports;
    int _knocks;

    /// <summary>Packets go by so many paths at the same time, as many of them as there are; 1..4, and 1 while the exit knows one only.</summary>
    public int MostPaths { get; set; } = 1;

    /// <summary>Chooses the path of every packet; null: there is one. A path is its relays, entry first. Any thread.</summary>
    public PathScheduler<Hop[]>? Paths => _paths;

    bool IsShared => _paths is not null;

    /// <summary>Much goes by the paths, or did two seconds ago.</summary>
    bool IsBusy(Instant now) => now < _busyUntil;

    /// <summary>The paths are others than before.</summary>
    void SharePaths(Instant now)
    {
        if (MostPaths < 2 || !(ExitTerms?.Paths > 1) || State != CircuitState.Ready || (_others.Length == 0 && !IsShared))
            return;
        if (Exit.Order is null)
            Exit.Order = new Resequencer(_reorder);
        var paths = _paths ?? new PathScheduler<Hop[]>();
        var ready = _others.Where(path => path.State == CircuitState.Ready).Select(path => path.Hops);
        paths.Set(ready.Prepend(Hops[..^1]).Take(MostPaths).Select(relays => new PathScheduler<Hop[]>.Path(relays, relays[^1].Meter ??= new PathMeter(++_meters, _epoch))), now);
        _paths = paths;
        (_knocks, _nextReport) = (0, now);
    }

    /// <summary>The exit has heard of a path and wants it proven. A new one is known to it as soon as it hears of it again.</summary>
    void Join(uint request, PathChallenge challenge, Instant now)
    {
        Send(Exit, FrameType.Control, request, ControlCodec.Encode(new PathResponse { Status = ControlStatus.Ok, Token = challenge.Token, IsBeside = true }), now);
        _nextReport = Instant.Min(_nextReport, now);
    }

    /// <summary>Probes all paths at the same time: often while much goes by them, and else as often as the hops are probed.</summary>
    void ReportPaths(Instant now)
    {
        if (_paths is not { } paths || now < _nextReport || State != CircuitState.Ready)
            return;
        var bytes = paths.Paths.Sum(path => path.Meter.Sent + path.Meter.Received);
        if (Math.Abs(bytes - _reportedBytes) >= LeastBusy)
            _busyUntil = now + s_busyFor;
        var isBusy = IsBusy(now);
        var isJoining = _knocks < MostKnocks && paths.Paths.Any(path => !path.Meter.IsKnown);
        _knocks += isJoining ? 1 : 0;
        var isRound = now >= _reportBy;
        _reportedBytes = bytes;
        _nextReport = now + (isBusy || now - LastTraffic < s_looksFor ? s_busyReport : isJoining ? s_joining : IsActive(now) ? s_activeProbe : IdleProbe);
        if (!isBusy && !isJoining && !isRound)
            return;
        if (isRound)
            _reportBy = now + (IsActive(now) ? s_activeProbe : IdleProbe);
        _reports++;
        foreach (var path in paths.Paths)
        {
            // What is lost there leaves a gap, for which the packets of the others wait.
            if (!isRound && path.Meter.IsAside(now))
                continue;
            var probe = new Probe { Token = ((ulong)path.Meter.Id << 32) | _reports, Report = paths.Report(path.Meter, now) };
            var way = path.Way[0].Circuit;
            SendBy(way, probe, now);
            if (way != this && IsActive(now))
                way.Keep(now);
        }
    }

    /// <summary>The exit left a probe open: does another path lead to it? While they are busy that is asked anyway.</summary>
    void AskByAllPaths(Instant now)
    {
        if (IsShared && !IsBusy(now))
            (_nextReport, _reportBy) = (now, now);
    }

    /// <summary>Packets of a circuit go by this path, too: its relays are watched like those of the first.</summary>
    void Keep(Instant now)
    {
        if (!IsActive(now))
            Hurry(now);
        Volatile.Write(ref _lastTraffic, now.Ticks);
    }

    void HandleReport(ulong token, in PathReport report, Instant now)
    {
        if (_paths is not { } paths)
            return;
        foreach (var path in paths.Paths)
            if (path.Meter.Id == token >> 32)
                paths.Handle(path.Meter, report, now);
        if (Exit.Order is { } order)
            order.Wait = paths.Wait;
    }

    /// <summary>Asks the exit, by the relays of one path alone.</summary>
    /// <param name="path">This circuit for its own.</param>
    void SendBy(Circuit path, ControlMessage message, Instant now)
    {
        var output = Exit.Tunnel.Encapsulate(Frame.Wrap(_frame, FrameType.Control, _nextRequest++, ControlCodec.Encode(message), ControlFlags), _layers[Exit.Index], now);
        if (output.Kind != TunnelOutputKind.ToNetwork)
            return;
        path.Hops[Exit.Index - 1].Meter?.NoteSent(output.Length);
        path.Carry(_layers[Exit.Index].AsSpan(0, output.Length), Exit.Index, now);
    }

    /// <summary>Packets that waited for others in vain.</summary>
    void ReleasePackets(Instant now)
    {
        if (Exit.Order is not { } order || order.NextTimeout > now || End is not { } end)
            return;
        _released ??= ReorderMemory.MakeBatch();
        _released.Clear();
        order.Release(_released, now);
        if (_released.Count > 0)
            end.Write(_released);
    }
}
