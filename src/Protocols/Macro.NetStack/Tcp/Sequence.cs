namespace Macro.NetStack.Tcp;

/// <summary>
/// Stream positions: sequence numbers of 64 bits whose low half is what stands on the wire. Within the connection they
/// compare as plain numbers.
/// </summary>
static class Sequence
{
    /// <summary>Room below the first position, so that none is ever negative.</summary>
    const long Start = 1L << 32;

    /// <summary>The position of an initial sequence number.</summary>
    public static long Begin(uint initial) => Start + initial;

    /// <summary>The position nearest to <paramref name="near"/> that has this number on the wire.</summary>
    public static long Unwrap(uint wire, long near) => near + (int)(wire - (uint)near);
}
