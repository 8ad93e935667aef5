using System.Buffers.Binary;

namespace Macro.NetStack.Tcp;

/// <summary>What a segment acknowledges, as loss recovery takes it.</summary>
readonly ref struct Acknowledgment
{
    /// <summary>SEG.ACK.</summary>
    public required long Position { get; init; }

    /// <summary>As in <see cref="TcpSegment.SackBlocks"/>.</summary>
    public ReadOnlySpan<byte> SackBlocks { get; init; }

    /// <summary>The peer echoes congestion (RFC 3168), and echoes it on a connection that negotiated so.</summary>
    public bool CongestionEcho { get; init; }

    /// <summary>It carries no data and the window is the old one.</summary>
    public bool IsBare { get; init; }

    /// <summary>The timestamp that it echoes, in our milliseconds.</summary>
    public uint? Echo { get; init; }

    public int SackCount => SackBlocks.Length / 8;

    public (long Start, long End) Sack(int index, long near) => (
        Sequence.Unwrap(BinaryPrimitives.ReadUInt32BigEndian(SackBlocks[(8 * index)..]), near),
        Sequence.Unwrap(BinaryPrimitives.ReadUInt32BigEndian(SackBlocks[(8 * index + 4)..]), near));
}

/// <summary>What an acknowledgment brought. Times in ticks; 0: none.</summary>
struct AckNews
{
    /// <summary>Segments newly acknowledged or sacked; newly lost.</summary>
    public int Delivered, Lost;

    /// <summary>When the first and the last of the newly acknowledged were sent, of those that were sent once.</summary>
    public long FirstAckedAt, LastAckedAt, FirstSackedAt, LastSackedAt;

    /// <summary>The lowest position that arrived late without having been sent again.</summary>
    public long LowestReordered;

    public bool Advanced, Sacked, Dsack, DsackOfProbe, LostCopy;

    /// <summary>Some of the acknowledged had been sent again.</summary>
    public bool RetransmittedAcked;

    /// <summary>Something sent before the time-out, and only once, has arrived.</summary>
    public bool OriginalArrived;
}
