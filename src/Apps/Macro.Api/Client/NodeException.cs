namespace Macro.Api;

/// <summary>The node refused an operation, or could not be asked; <see cref="Problem"/> says why and what to do.</summary>
public sealed class NodeException(Problem problem, Exception? inner = null) : Exception(problem.Message, inner)
{
    public Problem Problem { get; } = problem;

    public NodeException(string code, string message, string? remedy = null, Exception? inner = null)
        : this(new Problem { Code = code, Message = message, Remedy = remedy }, inner)
    {
    }
}
