using System.Globalization;

namespace Macro.Wg;

enum LogLevel
{
    Silent,
    Error,
    Verbose,
}

/// <summary>What the command line and the environment ask for, with the names that wireguard-go uses.</summary>
sealed record Settings
{
    internal const string Usage = """
        Usage: macro-wg [-f|--foreground] INTERFACE-NAME
               macro-wg --version
               macro-wg --help
        """;

    internal const string Help = $"""
        {Usage}

        Makes a WireGuard interface in this program instead of the kernel; wg sets it up. For wg-quick:

          WG_QUICK_USERSPACE_IMPLEMENTATION=macro-wg wg-quick up INTERFACE-NAME

        which takes this program where the kernel has no WireGuard.

        Environment:
          LOG_LEVEL                verbose or debug, error (the default), silent
          WG_PROCESS_FOREGROUND=1  as --foreground
          WG_TUN_FD                an open TUN device to take over
          WG_UAPI_FD               a listening socket to take over
          MACRO_WG_PUMPS           threads that receive at the port; 0 (the default) for as many as the processors want
        """;

    internal required string InterfaceName { get; init; }

    /// <summary>-f, --foreground, or WG_PROCESS_FOREGROUND=1.</summary>
    internal bool Foreground { get; init; }

    /// <summary>LOG_LEVEL: verbose or debug, error (the default), silent.</summary>
    internal LogLevel LogLevel { get; init; }

    /// <summary>WG_TUN_FD: an open TUN device to take over.</summary>
    internal int? TunDescriptor { get; init; }

    /// <summary>WG_UAPI_FD: a listening socket to take over.</summary>
    internal int? UapiDescriptor { get; init; }

    /// <summary>MACRO_WG_PUMPS: threads that receive at the port; 0 (the default) for as many as the processors want.</summary>
    internal int Pumps { get; init; }

    /// <summary>MACRO_WG_DETACH=1, set by a parent that waits for a line on our output and then leaves.</summary>
    internal bool Detach { get; init; }

    /// <summary>Null where the command line is not one, or the name (1 to 15 characters) cannot be an interface's.</summary>
    internal static Settings? Read(string[] arguments)
    {
        var foreground = arguments is ["-f" or "--foreground", ..];
        if (arguments.Length != (foreground ? 2 : 1) || arguments[^1].StartsWith('-') || arguments[^1].Contains('/') || arguments[^1].Length is 0 or > 15)
            return null;
        return new Settings
        {
            InterfaceName = arguments[^1],
            Foreground = foreground || Variable("WG_PROCESS_FOREGROUND") == "1",
            Detach = Variable("MACRO_WG_DETACH") == "1",
            LogLevel = Variable("LOG_LEVEL") switch
            {
                "verbose" or "debug" => LogLevel.Verbose,
                "silent" => LogLevel.Silent,
                _ => LogLevel.Error,
            },
            Pumps = Math.Min(Number("MACRO_WG_PUMPS") ?? 0, 64),
            TunDescriptor = Number("WG_TUN_FD"),
            UapiDescriptor = Number("WG_UAPI_FD"),
        };
    }

    static string? Variable(string name) => Environment.GetEnvironmentVariable(name);

    static int? Number(string name) =>
        int.TryParse(Variable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
