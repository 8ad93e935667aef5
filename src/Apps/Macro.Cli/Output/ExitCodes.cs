namespace Macro.Cli.Output;

/// <summary>What the program returns to the shell.</summary>
static class ExitCodes
{
    public const int Done = 0, Failed = 1, Usage = 2;
}
