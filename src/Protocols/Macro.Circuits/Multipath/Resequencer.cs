using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// Puts the packets of a session that came by several paths back into the order in which they were sealed: by their counter. A packet
/// that came before its turn waits for those before it, for <see cref="Wait"/> at most; one that comes later than that is nobody's to
/// hold. Each path keeps its packets in order: what all of those that carry packets have passed over is lost, and waited for no longer.
/// Bounded: 1024 packets, and memory in blocks that all of a node share. Any thread; nothing is allocated per packet.
/// </summary>
sealed class Resequencer(ReorderMemory memory) : IDisposable
{
    /// <summary>Counters from the oldest that is waited for to the newest.</summary>
    public const int Size = 1024;

    const byte Missing = 0, Passed = 1, Held = 2;

    /// <summary>A path by which no packet came for so long brings none that is waited for.</summary>
    static readonly TimeSpan s_carries = TimeSpan.FromMilliseconds(100);

    readonly Lock _gate = new();
    readonly Path[] _paths = new Path[PathScheduler<int>.Most];
    readonly byte[] _state = new byte[Size];
    readonly Entry[] _entries = new Entry[Size];
    readonly List<byte[]> _blocks = [];
    int[] _free = [];
    int _freeCount, _held;
    // Sessions follow each other and each counts from zero: places go on where those of the one before ended.
    long _session = long.MinValue;
    ulong _first, _next, _end, _giveUp;
    Instant _due = Instant.Never;
    bool _isTold, _isClosed;

    struct Entry
    {
        public int Place, Length;
        public Instant Since;
    }

    struct Path
    {
        public uint Id;
        public ulong Newest;
        public Instant SeenAt, CarriedAt;
    }

    /// <summary>How long a packet is held back at most.</summary>
    public TimeSpan Wait { get; set; } = TimeSpan.FromMilliseconds(10);

    /// <summary>Packets that wait.</summary>
    public int Count { get { lock (_gate) return _held; } }

    /// <summary>When <see cref="Release"/> has something to do, once the owner was told that something waits.</summary>
    public Instant NextTimeout { get { lock (_gate) return _isTold && _held > 0 ? _due : Instant.Never; } }

    /// <summary>
    /// A message was opened. False: its packet is to be passed on at once, by the caller; else it comes out of <see cref="Take"/>.
    /// </summary>
    /// <param name="session">Of two sessions the newer has the larger number.</param>
    /// <param name="packet">Empty when the message carries none, or none that is to be kept in order.</param>
    /// <param name="path">By which it came, see <see cref="PathMeter.Id"/>; 0: nobody knows.</param>
    public bool Add(long session, ulong counter, ReadOnlySpan<byte> packet, uint path, Instant now)
    {
        lock (_gate)
        {
            if (session > _session)
                Begin(session, counter);
            var place = _first + counter;
            if (session == _session && path != 0)
                Note(path, place, !packet.IsEmpty, now);
            // The last place of all has none behind it.
            if (_isClosed || session < _session || place < _next || place == ulong.MaxValue)
                return false;
            if (place - _next >= Size)
            {
                (_giveUp, _due) = (place + 1, now);
                return false;
            }
            ref var state = ref _state[place % Size];
            _end = Math.Max(_end, place + 1);
            if (packet.IsEmpty || !TryHold(packet, ref _entries[place % Size], now))
            {
                state = Passed;
                return false;
            }
            state = Held;
            _due = Instant.Min(_due, now + Wait);
            return true;
        }
    }

    /// <summary>Moves what is in order, or has waited long enough, to the batch. True when the owner must be told that something waits.</summary>
    public bool Take(PacketBatch into, Instant now)
    {
        lock (_gate)
        {
            Move(into, now);
            var tell = _held > 0 && !_isTold;
            _isTold |= tell;
            return tell;
        }
    }

    /// <summary>The same on the owner's thread, at <see cref="NextTimeout"/>.</summary>
    public void Release(PacketBatch into, Instant now)
    {
        lock (_gate)
        {
            Move(into, now);
            _isTold = _held > 0;
        }
    }

    /// <summary>Gives the memory back; from now on every packet is passed on at once.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            memory.Return(_blocks.Count);
            Array.Clear(_state);
            (_freeCount, _held, _next, _isClosed) = (0, 0, _end, true);
            _blocks.Clear();
        }
    }

    void Begin(long session, ulong counter)
    {
        // What came of the first session before anybody looked is not waited for.
        (_first, _next) = _session == long.MinValue ? (0, counter) : (_end, _next);
        _end = Math.Max(_end, _next);
        _session = session;
    }

    void Note(uint path, ulong place, bool carries, Instant now)
    {
        var (at, oldest) = (0, Instant.Never);
        for (var i = 0; i < _paths.Length; i++)
        {
            if (_paths[i].Id == path)
            {
                at = i;
                break;
            }
            if (_paths[i].SeenAt < oldest)
                (at, oldest) = (i, _paths[i].SeenAt);
        }
        ref var entry = ref _paths[at];
        if (entry.Id != path)
            entry = new Path { Id = path };
        entry.SeenAt = now;
        entry.Newest = Math.Max(entry.Newest, place);
        entry.CarriedAt = carries ? now : entry.CarriedAt;
    }

    /// <summary>All paths that carry packets brought a later one.</summary>
    bool IsLost(ulong place, Instant now)
    {
        var passed = false;
        foreach (ref readonly var path in _paths.AsSpan())
        {
            if (path.CarriedAt == default || now - path.CarriedAt > s_carries)
                continue;
            if (path.Newest <= place)
                return false;
            passed = true;
        }
        return passed;
    }

    bool TryHold(ReadOnlySpan<byte> packet, ref Entry entry, Instant now)
    {
        if (packet.Length > ReorderMemory.PacketBytes || (_freeCount == 0 && !TryGrow()))
            return false;
        entry = new Entry { Place = _free[--_freeCount], Length = packet.Length, Since = now };
        packet.CopyTo(Bytes(entry));
        _held++;
        return true;
    }

    bool TryGrow()
    {
        if (_blocks.Count * ReorderMemory.BlockPackets >= Size || !memory.TryTake(out var block))
            return false;
        var first = _blocks.Count * ReorderMemory.BlockPackets;
        _blocks.Add(block);
        if (_free.Length < first + ReorderMemory.BlockPackets)
            Array.Resize(ref _free, first + ReorderMemory.BlockPackets);
        for (var i = 0; i < ReorderMemory.BlockPackets; i++)
            _free[_freeCount++] = first + i;
        return true;
    }

    void Move(PacketBatch into, Instant now)
    {
        for (; _next < _end; _next++)
        {
            ref var state = ref _state[_next % Size];
            ref var entry = ref _entries[_next % Size];
            if (state == Missing && _next >= _giveUp && !IsLost(_next, now) && !IsOverdue(now))
                break;
            if (state == Held)
            {
                if (!into.TryCopy(Bytes(entry), default))
                {
                    _due = now;
                    return;
                }
                _free[_freeCount++] = entry.Place;
                _held--;
            }
            state = Missing;
        }
        _next = Math.Max(_next, _giveUp);
        _end = Math.Max(_end, _next);
        if (_held == 0)
            _due = Instant.Never;
    }

    /// <summary>The first packet behind the gap has waited long enough. Else it says until when.</summary>
    bool IsOverdue(Instant now)
    {
        for (var place = _next + 1; place < _end; place++)
        {
            if (_state[place % Size] != Held)
                continue;
            _due = _entries[place % Size].Since + Wait;
            if (_due > now)
                return false;
            _giveUp = place;
            return true;
        }
        _due = Instant.Never;
        return false;
    }

    Span<byte> Bytes(in Entry entry) =>
        _blocks[entry.Place / ReorderMemory.BlockPackets].AsSpan(entry.Place % ReorderMemory.BlockPackets * ReorderMemory.PacketBytes, entry.Length);
}
