using System.Text;
using Macro.Core;
using Macro.Engine;

namespace Macro.Daemon.Storage;

/// <summary>
/// What the client keeps of relays over restarts: its guards (file "guards") and its blocklist ("blocklist"), sealed. Both know days and no
/// hours, and nothing of destinations. A damaged file counts as none.
/// </summary>
public sealed class PeerMemory(SealedFolder vault)
{
    const string Guards = "guards", Blocklist = "blocklist";

    readonly Dictionary<string, string> _written = [];
    (long, long) _seen;

    /// <summary>On the owner thread, before the first circuit.</summary>
    public void Load(Controller controller, Instant now)
    {
        if (Read(Guards) is { } guards)
            controller.Guards.TryRead(guards, now);
        if (Read(Blocklist) is { } blocklist)
            controller.Blocklist.TryRead(blocklist, now);
        _seen = Version(controller);
    }

    /// <summary>On the owner thread: whether <see cref="Changed"/> has something.</summary>
    public bool IsStale(Controller controller) => _seen != Version(controller);

    /// <summary>On the owner thread: what has changed and is to be given to <see cref="Save"/>; null when nothing has.</summary>
    public IReadOnlyDictionary<string, string>? Changed(Controller controller, Instant now)
    {
        if (!IsStale(controller))
            return null;
        _seen = Version(controller);
        return new Dictionary<string, string> { [Guards] = controller.Guards.Write(), [Blocklist] = controller.Blocklist.Write(now) };
    }

    /// <summary>Any thread, one at a time. A file that would say the same is not written, and one that would be new and empty neither.</summary>
    public void Save(IReadOnlyDictionary<string, string> texts)
    {
        foreach (var (name, text) in texts)
        {
            var before = _written.GetValueOrDefault(name);
            if (text == before || (before is null && text.AsSpan().Count('\n') <= 1))
                continue;
            vault.Write(name, Encoding.ASCII.GetBytes(text));
            _written[name] = text;
        }
    }

    string? Read(string name)
    {
        if (vault.TryRead(name) is not { } bytes)
            return null;
        return _written[name] = Encoding.ASCII.GetString(bytes);
    }

    static (long, long) Version(Controller controller) => (controller.Guards.Changes, controller.Blocklist.Changes);
}
