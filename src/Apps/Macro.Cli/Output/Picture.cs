using System.Globalization;
using Spectre.Console;

namespace Macro.Cli.Output;

/// <summary>
/// Something that is drawn again and again: on a terminal in the place of what was drawn before, without one below it, and
/// then only when it has changed.
/// </summary>
sealed class Picture : IDisposable
{
    readonly TextWriter _output = Console.Out;
    readonly IAnsiConsole _console = AnsiConsole.Console;
    string _before = "";

    public void Draw(Action draw)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        Console.SetOut(text);
        AnsiConsole.Console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.Yes, Out = new AnsiConsoleOutput(text) });
        AnsiConsole.Console.Profile.Width = _console.Profile.Width;
        try
        {
            draw();
        }
        finally
        {
            Dispose();
        }
        var now = text.ToString();
        if (now == _before)
            return;
        if (!Console.IsOutputRedirected && _before.Length > 0)
            // Up as many lines as there are, and clear from there on.
            _output.Write(string.Create(CultureInfo.InvariantCulture, $"\e[{_before.Count(c => c == '\n')}A\e[J"));
        _output.Write(now);
        _before = now;
    }

    public void Dispose()
    {
        Console.SetOut(_output);
        AnsiConsole.Console = _console;
    }
}
