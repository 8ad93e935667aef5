using Macro.Core;

namespace Macro.Peers;

/// <summary>How a circuit failed, as its client saw it.</summary>
/// <param name="Hops">Entry first.</param>
/// <param name="Silent">The first hop that did not answer, from 0; as many as there are hops: all did, and the destination failed.</param>
/// <param name="NetworkWorked">Somebody was heard while it was silent: the entry, if that is another one, or nodes outside of the circuit.</param>
/// <param name="Slept">The machine was asleep, or too busy to listen.</param>
/// <param name="CouldChoose">The silent hop knew by what to choose whom to serve: it had answered its handshake, or was told the next hop with it.</param>
public readonly record struct CircuitLoss(IReadOnlyList<NodeId> Hops, int Silent, bool NetworkWorked, bool Slept, bool CouldChoose = true);

/// <summary>
/// Who is to blame for a lost circuit: the own machine and network before the entry, the entry before the middle, the middle before the
/// exit, the exit before the destination. A hop behind a silent one is never to blame. Where a hop falls silent, it or the one before
/// it broke the way between them, and nobody can tell which: both share the blame (<see cref="ReputationBook.Failed(NodeId, NodeId, bool, Instant)"/>). So
/// who drops what he should pass on cannot put it all on his neighbours: they change and he stays. A hop that did not even answer its handshake is
/// down or not to be reached: that makes it unreliable, but it spoils nothing, for another is taken, and at that moment it knew only who asks; unless the next hop was named in
/// early data behind the handshake.
/// </summary>
public static class Blame
{
    /// <summary>Writes the failure into the book; for the local machine and the destination nobody is written down.</summary>
    public static void Assign(CircuitLoss loss, ReputationBook book, Instant now)
    {
        ArgumentNullException.ThrowIfNull(loss.Hops);
        ArgumentNullException.ThrowIfNull(book);
        if (loss.Slept || !loss.NetworkWorked || loss.Silent >= loss.Hops.Count)
            return;
        var silent = loss.Hops[loss.Silent];
        if (loss.Silent > 0)
            book.Failed(loss.Hops[loss.Silent - 1], silent, loss.CouldChoose, now);
        else
            book.Failed(silent, loss.CouldChoose, now);
    }
}
