namespace Macro.Daemon.Settings;

/// <summary>Where things lie when nothing else is said: the system's places for root, the user's (XDG) otherwise.</summary>
static class DefaultPaths
{
    /// <summary>/etc/macrovpn/settings.toml, or ~/.config/macrovpn/settings.toml.</summary>
    public static string SettingsFile => Environment.IsPrivilegedProcess
        ? "/etc/macrovpn/settings.toml"
        : UserPath("XDG_CONFIG_HOME", ".config", "settings.toml");

    /// <summary>/var/lib/macrovpn, or ~/.local/state/macrovpn.</summary>
    public static string DataDirectory => Environment.IsPrivilegedProcess
        ? "/var/lib/macrovpn"
        : UserPath("XDG_STATE_HOME", ".local/state", "");

    static string UserPath(string variable, string underHome, string file)
    {
        var root = Environment.GetEnvironmentVariable(variable);
        if (string.IsNullOrEmpty(root))
            root = Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), underHome);
        return Path.Combine(root, "macrovpn", file).TrimEnd('/');
    }
}
