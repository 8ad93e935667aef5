namespace Macro.Fuzz;

/// <summary>A parser, or a state machine behind one, that is fed with whatever comes.</summary>
public interface IFuzzTarget
{
    /// <summary>Also the name of its corpus.</summary>
    string Name { get; }

    /// <summary>Bytes that one input may allocate at most.</summary>
    int MaxAllocation { get; }

    /// <summary>
    /// Takes one input. The answer is a digest of what could be seen from outside: an input with a new one is worth
    /// mutating further. Throws <see cref="InvariantException"/>, or whatever the code under test throws.
    /// </summary>
    uint Run(ReadOnlySpan<byte> input);

    /// <summary>Forgets everything that earlier inputs left behind, so that a failure can be replayed from here.</summary>
    void Reset() { }
}

/// <summary>The code under test broke a promise.</summary>
public sealed class InvariantException(string message) : Exception(message)
{
    public static void Require(bool holds, string promise)
    {
        if (!holds)
            throw new InvariantException(promise);
    }
}
