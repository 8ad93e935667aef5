namespace Macro.Tests;

/// <summary>
/// What code allocates on its own thread, in bytes. Code that allocates does so every time it runs. The runtime does
/// now and then: where a branch is taken for the first time, and where a collection takes the rest of the thread's
/// allocation buffer away. So the least of a few equal rounds counts.
/// </summary>
static class Allocations
{
    public const int Rounds = 8;

    public static long Least(Action round) => Enumerable.Range(0, Rounds).Min(_ => Of(round));

    public static long Of(Action work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
