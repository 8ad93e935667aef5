namespace Macro.Core;

/// <summary>
/// Datagrams that an owner thread wants sent: copied in by the state machines, sent and cleared by the shell after each
/// step. What does not fit is dropped and counted, as a full socket would do.
/// </summary>
public sealed class Outbox(int bytes = 1 << 18, int datagrams = 512)
{
    public PacketBatch Batch { get; } = new(bytes, datagrams);

    public long Dropped { get; private set; }

    public bool IsEmpty => Batch.Count == 0;

    public void Send(ReadOnlySpan<byte> datagram, Endpoint to)
    {
        if (!Batch.TryCopy(datagram, to))
            Dropped++;
    }
}
