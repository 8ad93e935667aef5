using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>
/// An exit that stands while the internet does not answer by it makes way for another one, if there is another. That it was to blame shows
/// when the internet answers by the next.
/// </summary>
public sealed partial class KeptCircuit
{
    /// <summary>
    /// In an hour. A page can have its visitor ask in vain; he must not change his exit for it until it is one that the page's owner runs.
    /// </summary>
    const int MostMute = 4;

    static readonly TimeSpan s_muteWindow = TimeSpan.FromHours(1), s_contrast = TimeSpan.FromSeconds(30), s_lookAgain = TimeSpan.FromSeconds(1);

    static readonly Trouble s_muteTrouble = new(
        "Nothing comes back from the internet by this exit.", "Try other sites; connect again or allow more exit regions to take another exit.");

    readonly Queue<Instant> _muteAt = new();
    (ChosenPath Path, Instant Until)? _mute;
    Instant _muteLookAt;

    void WatchInternet(KnownCircuit carrying, Instant now)
    {
        if (_mute is { } before && carrying.Circuit.Internet.IsAnswered)
        {
            if (now < before.Until)
                _source.Record.WasMute(before.Path, now);
            _mute = null;
        }
        if (!carrying.Circuit.IsMute(now))
        {
            if (Trouble == s_muteTrouble)
                Trouble = null;
            return;
        }
        // Other exits may become known; to look for them takes time.
        if (now < _muteLookAt)
            return;
        _muteLookAt = now + s_lookAgain;
        while (_muteAt.TryPeek(out var oldest) && now - oldest >= s_muteWindow)
            _muteAt.Dequeue();
        if (_muteAt.Count < MostMute && _source.Paths.HasOtherExit(Request, carrying.Path.Hops[^1].Relay, now))
        {
            _muteAt.Enqueue(now);
            _mute = (carrying.Path, now + s_contrast);
            carrying.Circuit.EndMute(now);
        }
        else
        {
            Trouble ??= s_muteTrouble;
        }
    }
}
