namespace Macro.NetStack;

/// <summary>
/// The memory of all TCP buffers: chunks of 16 KiB from one budget. Many stacks may share it, as long as one lock guards
/// them all. Chunks that are given back are kept for the next taker.
/// </summary>
public sealed class TcpMemory
{
    public const int ChunkSize = 16 << 10;

    /// <param name="budget">Bytes; at least one chunk.</param>
    public TcpMemory(long budget)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(budget, ChunkSize);
        Budget = budget;
    }

    /// <summary>Bytes.</summary>
    public long Budget { get; }

    /// <summary>Bytes in chunks that connections hold.</summary>
    public long Used { get; private set; }

    /// <summary>False when three quarters of the budget are taken: the Stack refuses new connections then.</summary>
    public bool AdmitsConnection => Used <= Budget / 4 * 3;
}
