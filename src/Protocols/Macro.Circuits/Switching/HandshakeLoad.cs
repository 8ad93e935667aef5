using Macro.Core;

namespace Macro.Circuits;

/// <summary>Under load: more handshakes in the current second than a core should spend on strangers. Lasts one second beyond.</summary>
sealed class HandshakeLoad
{
    const int PerSecond = 500;
    Instant _windowStart, _loadedUntil;
    int _count;

    public bool Note(Instant now)
    {
        if (now - _windowStart >= TimeSpan.FromSeconds(1))
            (_windowStart, _count) = (now, 0);
        if (++_count > PerSecond)
            _loadedUntil = now + TimeSpan.FromSeconds(1);
        return now < _loadedUntil;
    }
}
