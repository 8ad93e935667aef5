namespace Macro.NetStack;

/// <summary>What a chunk is wanted for: the scarcer memory is, the fewer purposes are served.</summary>
enum MemoryPurpose : byte
{
    /// <summary>More bytes of the application. The first to go without: it can wait.</summary>
    SendMore,

    /// <summary>The only chunk of a send buffer.</summary>
    SendFirst,

    /// <summary>Received beyond a gap. The peer will send it again.</summary>
    OutOfOrder,

    /// <summary>Received in order, inside a window that was promised.</summary>
    InOrder,
}

/// <summary>
/// The memory of all TCP buffers: chunks of 16 KiB from one budget. Many stacks may share it, as long as one lock guards
/// them all. Chunks that are given back are kept for the next taker until <see cref="Trim"/>.
/// </summary>
public sealed class TcpMemory
{
    public const int ChunkSize = 16 << 10;

    byte[][] _free = new byte[64][];
    int _freeCount, _made, _mostUsed;

    /// <param name="budget">Bytes; at least 16 chunks, so that there is something to divide.</param>
    public TcpMemory(long budget)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(budget, 16 * ChunkSize);
        Budget = budget;
    }

    /// <summary>Bytes; never exceeded.</summary>
    public long Budget { get; }

    /// <summary>Bytes in chunks that connections hold.</summary>
    public long Used => (long)(_made - _freeCount) * ChunkSize;

    /// <summary>False when three quarters of the budget are taken: the Stack refuses new connections then.</summary>
    public bool AdmitsConnection => !IsShort;

    /// <summary>Three quarters are taken: buffers stop growing, windows close to a few segments.</summary>
    internal bool IsShort => Used >= Budget / 4 * 3;

    /// <summary>Fifteen sixteenths are taken: windows are not opened any further.</summary>
    internal bool IsExhausted => Used >= Budget / 16 * 15;

    /// <summary>Lets go of chunks that nobody needed since the last call; returns their bytes. For the shell, once a minute or so.</summary>
    public long Trim()
    {
        var made = _made;
        while (_freeCount > 0 && _made > _mostUsed)
        {
            _free[--_freeCount] = null!;
            _made--;
        }
        _mostUsed = _made - _freeCount;
        return (long)(made - _made) * ChunkSize;
    }

    /// <summary>A chunk with any content, pinned; null when the budget does not allow it for that purpose.</summary>
    internal byte[]? TryTake(MemoryPurpose purpose)
    {
        var ceiling = purpose switch
        {
            MemoryPurpose.SendMore => Budget / 4 * 3,
            MemoryPurpose.SendFirst or MemoryPurpose.OutOfOrder => Budget / 8 * 7,
            MemoryPurpose.InOrder => Budget,
        };
        if (Used + ChunkSize > ceiling)
            return null;
        if (_freeCount > 0)
        {
            var chunk = _free[--_freeCount];
            _mostUsed = Math.Max(_mostUsed, _made - _freeCount);
            return chunk;
        }
        _made++;
        _mostUsed = Math.Max(_mostUsed, _made);
        return GC.AllocateUninitializedArray<byte>(ChunkSize, pinned: true);
    }

    internal void Return(byte[] chunk)
    {
        if (_freeCount == _free.Length)
            Array.Resize(ref _free, 2 * _free.Length);
        _free[_freeCount++] = chunk;
    }
}
