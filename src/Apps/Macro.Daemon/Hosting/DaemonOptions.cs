namespace Macro.Daemon.Hosting;

/// <summary>The command line of macrovpnd. What it says wins over the settings file.</summary>
public sealed record DaemonOptions
{
    public const string Usage = """
        Usage: macrovpnd [--settings FILE] [--data DIR] [--api SOCKET] [--log-level LEVEL]

          --settings FILE    settings file (default: /etc/macrovpn/settings.toml as root,
                             ~/.config/macrovpn/settings.toml otherwise)
          --data DIR         folder of keys, directory and desired state
          --api SOCKET       Unix socket of the API
          --log-level LEVEL  error, warning, info or debug
          --version          show the version
          --help             show this
        """;

    public string? SettingsFile { get; init; }
    public string? DataDirectory { get; init; }
    public string? ApiSocket { get; init; }
    public LogLevel? LogLevel { get; init; }
    public bool ShowVersion { get; init; }
    public bool ShowHelp { get; init; }

    /// <summary>False with a sentence when the line is not understood. Takes "--name value" and "--name=value".</summary>
    public static bool TryParse(IReadOnlyList<string> arguments, out DaemonOptions options, out string error)
    {
        options = new DaemonOptions();
        error = "";
        for (var i = 0; i < arguments.Count; i++)
        {
            var name = arguments[i];
            string? value = null;
            if (name.IndexOf('=', StringComparison.Ordinal) is var at and > 0)
                (name, value) = (name[..at], name[(at + 1)..]);

            if (name is "--help" or "-h" or "--version" && value is null)
            {
                options = name == "--version" ? options with { ShowVersion = true } : options with { ShowHelp = true };
                continue;
            }
            if (name is not ("--settings" or "--data" or "--api" or "--log-level"))
            {
                error = $"'{arguments[i]}' is not an option.";
                return false;
            }
            value ??= ++i < arguments.Count ? arguments[i] : null;
            if (string.IsNullOrEmpty(value))
            {
                error = $"{name} needs a value.";
                return false;
            }
            switch (name)
            {
                case "--settings":
                    options = options with { SettingsFile = Path.GetFullPath(value) };
                    break;
                case "--data":
                    options = options with { DataDirectory = Path.GetFullPath(value) };
                    break;
                case "--api":
                    options = options with { ApiSocket = Path.GetFullPath(value) };
                    break;
                case "--log-level" when ParseLevel(value) is { } level:
                    options = options with { LogLevel = level };
                    break;
                default:
                    error = $"'{value}' is not a log level; use error, warning, info or debug.";
                    return false;
            }
        }
        return true;
    }

    static LogLevel? ParseLevel(string word) => word switch
    {
        "error" => Microsoft.Extensions.Logging.LogLevel.Error,
        "warning" => Microsoft.Extensions.Logging.LogLevel.Warning,
        "info" => Microsoft.Extensions.Logging.LogLevel.Information,
        "debug" => Microsoft.Extensions.Logging.LogLevel.Debug,
        _ => null,
    };
}
