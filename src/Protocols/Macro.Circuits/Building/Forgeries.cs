namespace Macro.Circuits;

/// <summary>
/// Messages that a hop handed over inside its session, as of a session with the next one, and whose tag is wrong: changed after the next hop sealed them, or made up.
/// Honest ways make next to none, for UDP has a checksum. A replay is none of them.
/// </summary>
public sealed class Forgeries
{
    const int LeastBytes = 4096, OneIn = 10;

    long _bytes;
    (long Forged, long Received) _before;

    /// <summary>One came. Any thread.</summary>
    /// <param name="length">Bytes of the message.</param>
    internal void Note(int length) => Interlocked.Add(ref _bytes, length);

    /// <summary>
    /// Since the last call there were many: at least 4 KiB, and a tenth of all that came from the hop. The owner thread asks it from time to time.
    /// </summary>
    /// <param name="received">Bytes that came in the hop's session so far.</param>
    public bool WereMany(long received)
    {
        var forged = Interlocked.Read(ref _bytes);
        var (more, all) = (forged - _before.Forged, received - _before.Received);
        _before = (forged, received);
        return more >= LeastBytes && OneIn * more >= all;
    }
}
