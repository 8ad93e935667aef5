namespace Macro.Tests;

/// <summary>
/// For tests that count allocations: they run when no other test does. A collection that another thread's allocations
/// bring about takes the rest of this thread's allocation buffer away, which then counts as allocated.
/// </summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;
