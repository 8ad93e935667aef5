using System.Globalization;

namespace Macro.Wg;

/// <summary>Lines on standard output, as wireguard-go writes them. Never keys, never inner addresses.</summary>
sealed class Log(string interfaceName, LogLevel level)
{
    internal void Verbose(string message)
    {
        if (level >= LogLevel.Verbose)
            Write("DEBUG", message);
    }

    internal void Error(string message)
    {
        if (level >= LogLevel.Error)
            Write("ERROR", message);
    }

    void Write(string kind, string message) => Console.Out.WriteLine(
        string.Create(CultureInfo.InvariantCulture, $"{kind}: ({interfaceName}) {DateTime.Now:yyyy/MM/dd HH:mm:ss} {message}"));
}
