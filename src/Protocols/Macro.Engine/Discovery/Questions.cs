using Macro.Circuits;
using Macro.Core;

namespace Macro.Engine;

/// <summary>Questions of one part of discovery, and what to do with each answer.</summary>
sealed class Questions(DirectoryLinks links)
{
    readonly Dictionary<int, Action<LinkAnswer, Instant>> _open = [];

    public int Count => _open.Count;

    public void Ask(HopTarget relay, HopTarget? via, ReadOnlyMemory<byte> question, Instant now, Action<LinkAnswer, Instant> then) =>
        _open.Add(links.Ask(relay, via, question, now), then);

    /// <summary>False when the question was not of this part.</summary>
    public bool TryHandle(in LinkAnswer answer, Instant now)
    {
        if (!_open.Remove(answer.Number, out var then))
            return false;
        then(answer, now);
        return true;
    }
}
