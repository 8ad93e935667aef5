namespace Macro.Circuits;

/// <summary>
/// What one end of an exit session tells the other by one path, in a <see cref="Probe"/> or its answer. Times are microseconds by the
/// clock of whoever tells, since a moment of its own, 1 and up; bytes are of the session's datagrams by this path, since the path
/// began. With it the other end can tell how the path does that leads here: see <see cref="PathMeter"/>.
/// </summary>
/// <param name="At">When this was sent.</param>
/// <param name="Sent">Bytes that went by this path before it.</param>
/// <param name="EchoAt"><paramref name="At"/> of the newest report that came by this path; 0: none came.</param>
/// <param name="EchoSent"><paramref name="Sent"/> of that.</param>
/// <param name="HeardAt">When that came.</param>
/// <param name="Heard">Bytes that had come by this path until then.</param>
public readonly record struct PathReport(long At, long Sent, long EchoAt, long EchoSent, long HeardAt, long Heard)
{
    const long Most = 1L << 52;

    /// <summary>Nobody's numbers are so large that what is counted with them could overflow.</summary>
    internal bool IsValid => At > 0 && (ulong)At < Most && (ulong)Sent < Most && (ulong)EchoAt < Most && (ulong)EchoSent < Most && (ulong)HeardAt < Most && (ulong)Heard < Most;
}
