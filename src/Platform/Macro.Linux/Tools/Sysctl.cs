namespace Macro.Linux;

/// <summary>Kernel settings under /proc/sys, by their dotted names.</summary>
static class Sysctl
{
    internal static string? Read(string name)
    {
        var path = PathOf(name);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }

    internal static void Write(string name, string value)
    {
        try
        {
            File.WriteAllText(PathOf(name), value);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new LinuxException($"Cannot set {name} to {value}: {failure.Message}");
        }
    }

    static string PathOf(string name) => "/proc/sys/" + name.Replace('.', '/');
}
