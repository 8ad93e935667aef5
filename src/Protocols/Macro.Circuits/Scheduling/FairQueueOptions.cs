namespace Macro.Circuits;

/// <summary>Sizes of a <see cref="FairQueue"/>.</summary>
public sealed record FairQueueOptions
{
    /// <summary>Queues, 1..65536: flows are hashed into them, or each circuit has one.</summary>
    public int Queues { get; init; } = 1024;

    /// <summary>Packets that wait in all queues together, at most; 1 and up.</summary>
    public int MostPackets { get; init; } = 4096;

    /// <summary>Bytes likewise.</summary>
    public int MostBytes { get; init; } = 4 << 20;

    /// <summary>Bytes that a queue of share 1 may send in one round; about one packet.</summary>
    public int Quantum { get; init; } = 1514;
}
