namespace Macro.UserMode;

/// <summary>
/// Looks at what passes a <see cref="Splice"/>: says where the bytes for the connection end, and may change the first bytes
/// that come back.
/// </summary>
public abstract class SpliceFilter
{
    /// <summary>Bytes from the socket: returns how many of them go to the connection. Ended: those that follow are never read.</summary>
    public abstract int TakeUp(ReadOnlySpan<byte> bytes, out bool ended);

    /// <summary>True once bytes from the connection pass unseen, after what is pending.</summary>
    public abstract bool IsPassing { get; }

    /// <summary>Bytes from the connection while not passing: returns how many were taken, at least one when nothing is pending.</summary>
    public abstract int TakeDown(ReadOnlySpan<byte> bytes);

    /// <summary>The connection has ended its stream. True: so may the socket's; false: something is pending now.</summary>
    public abstract bool EndDown();

    /// <summary>Bytes for the socket that go before any others.</summary>
    public abstract ReadOnlySpan<byte> PendingDown { get; }

    /// <summary>After what is pending both sides end, whatever else the connection brings.</summary>
    public abstract bool IsOver { get; }

    /// <summary>That many of the pending bytes were sent.</summary>
    public abstract void SentDown(int count);

    /// <summary>The splice has ended: buffers go back.</summary>
    public abstract void Release();
}
