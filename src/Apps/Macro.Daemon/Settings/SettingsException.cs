namespace Macro.Daemon.Settings;

/// <summary>The settings file cannot be used. Each line of the message names file, line, key and remedy.</summary>
public sealed class SettingsException(IReadOnlyList<string> errors) : Exception(string.Join('\n', errors))
{
    public IReadOnlyList<string> Errors { get; } = errors;
}
