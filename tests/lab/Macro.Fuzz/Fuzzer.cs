using System.Globalization;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>What a run found: nothing, or the inputs since the last reset, the last of which broke a promise.</summary>
public sealed record FuzzResult(string Target, long Inputs, int Pool, TimeSpan Time, string? Failure, IReadOnlyList<byte[]> Trail);

/// <summary>
/// Feeds a target with mutations of its corpus. Promises of every target: it throws nothing, answers within the step bound,
/// and allocates no more than it says. Inputs whose outcome is new join the pool that is mutated.
/// </summary>
public sealed class Fuzzer(IFuzzTarget target, ulong seed)
{
    /// <summary>An input that takes so much of the processor hangs; a collection, or a machine that lets it wait, does not reach it.</summary>
    static readonly TimeSpan s_stepBound = TimeSpan.FromSeconds(10);

    /// <summary>
    /// What a thread has not used yet of its allocation buffer is counted as allocated when another thread's collection takes the
    /// buffer from it.
    /// </summary>
    const int AllocationBuffer = 8192;

    const int MostPool = 4096;
    const int MostSeen = 1 << 18;
    const int InputsPerLife = 256;
    const int LongestInput = 2048;

    readonly SeededRandom _random = new(seed);
    readonly List<byte[]> _pool = [.. Corpus.Load(target.Name)];
    readonly HashSet<uint> _seen = [];
    readonly List<byte[]> _trail = [];
    long _done;

    public FuzzResult Run(long inputs)
    {
        var began = System.Diagnostics.Stopwatch.StartNew();
        var mutator = new Mutator(_random, LongestInput);
        using var watchdog = new Timer(_ => Watch(), null, s_stepBound, s_stepBound);
        string? failure = null;
        foreach (var input in _pool.ToArray())
            failure ??= Try(input);
        while (failure is null && _done < inputs)
            failure = Try(mutator.Mutate(Pick(), Pick()));
        return new FuzzResult(target.Name, _done, _pool.Count, began.Elapsed, failure, failure is null ? [] : _trail);
    }

    /// <summary>Runs inputs as they are, from the beginning of a life.</summary>
    public static string? Replay(IFuzzTarget target, IEnumerable<byte[]> inputs)
    {
        ArgumentNullException.ThrowIfNull(target);
        ArgumentNullException.ThrowIfNull(inputs);
        target.Reset();
        foreach (var input in inputs)
        {
            try
            {
                target.Run(input);
            }
            catch (Exception thrown)
            {
                return thrown.ToString();
            }
        }
        return null;
    }

    byte[] Pick() => _pool[_random.NextInt(_pool.Count)];

    string? Try(ReadOnlySpan<byte> input)
    {
        if (_done % InputsPerLife == 0)
        {
            target.Reset();
            _trail.Clear();
        }
        // Kept before it runs: an input that hangs or kills the process must be known.
        _trail.Add(input.ToArray());
        var collections = GC.CollectionCount(0);
        var before = GC.GetAllocatedBytesForCurrentThread();
        uint outcome;
        try
        {
            outcome = target.Run(input);
        }
        catch (Exception thrown)
        {
            return thrown.ToString();
        }
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Interlocked.Increment(ref _done);
        if (allocated > target.MaxAllocation + (GC.CollectionCount(0) - collections) * AllocationBuffer)
            return string.Create(CultureInfo.InvariantCulture, $"{allocated} bytes allocated for an input of {input.Length}");
        if (_seen.Count < MostSeen && _seen.Add(outcome))
            Keep(input);
        return null;
    }

    void Keep(ReadOnlySpan<byte> input)
    {
        if (_pool.Count < MostPool)
            _pool.Add(input.ToArray());
        else
            _pool[_random.NextInt(MostPool)] = input.ToArray();
    }

    long _doneBefore = -1;
    TimeSpan _progressAt;

    void Watch()
    {
        var done = Interlocked.Read(ref _done);
        var spent = Environment.CpuUsage.TotalTime;
        if (done != _doneBefore)
            (_doneBefore, _progressAt) = (done, spent);
        else if (spent - _progressAt > s_stepBound)
        {
            Console.Error.WriteLine($"{target.Name} hangs; inputs since the last reset:");
            foreach (var input in _trail.ToArray())
                Console.Error.WriteLine(Convert.ToHexString(input));
            Environment.Exit(3);
        }
    }
}
