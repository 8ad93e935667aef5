using Macro.Circuits;

namespace Macro.Engine;

/// <summary>What went wrong and what helps, in words.</summary>
/// <param name="Remedy">Empty where there is none.</param>
/// <param name="Verdict">Why no path could be chosen; Ok where that is not what went wrong.</param>
public readonly record struct Trouble(string Problem, string Remedy, PathVerdict Verdict = PathVerdict.Ok);
