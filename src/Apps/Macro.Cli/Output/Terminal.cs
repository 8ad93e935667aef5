using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Macro.Api;
using Spectre.Console;

namespace Macro.Cli.Output;

/// <summary>
/// What the user sees. With a terminal: colours and tables; without: the same lines, plain; with --json: one line of JSON
/// on standard output for each answer, a problem included.
/// </summary>
static class Terminal
{
    static readonly bool Colours = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null;

    public static void Json<T>(T answer, JsonTypeInfo<T> shape)
    {
        var buffer = new ArrayBufferWriter<byte>();
        // Nothing here goes into a web page: quotes and umlauts may stay as they are.
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            JsonSerializer.Serialize(writer, answer, shape);
        Console.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    public static void Line(string text) => Console.WriteLine(text);

    /// <summary>Words to the user that are no answer: on standard error.</summary>
    public static void Notice(string text) => Console.Error.WriteLine(text);

    /// <summary>A line with a mark before it: done, under way, or wrong.</summary>
    public static void Step(StepMark mark, string text)
    {
        var (plain, colour) = mark switch
        {
            StepMark.Done => ("ok", "green"),
            StepMark.Begun => ("..", "grey"),
            StepMark.Wrong => ("!!", "red"),
        };
        if (Colours)
            AnsiConsole.MarkupLine($"[{colour}]{plain}[/] {Markup.Escape(text)}");
        else
            Console.WriteLine($"{plain} {text}");
    }

    /// <summary>Lines of name and value, the values in one column.</summary>
    public static void Facts(params (string Name, string? Value)[] facts)
    {
        var shown = facts.Where(f => f.Value is not null).ToArray();
        var width = shown.Max(f => f.Name.Length) + 2;
        foreach (var (name, value) in shown)
        {
            if (Colours)
                AnsiConsole.MarkupLine($"[grey]{Markup.Escape(name.PadRight(width))}[/]{Markup.Escape(value!)}");
            else
                Console.WriteLine(name.PadRight(width) + value);
        }
    }

    public static void Rows(string[] header, IReadOnlyList<string[]> rows)
    {
        var widths = header.Select((h, i) => Math.Max(h.Length, rows.Count == 0 ? 0 : rows.Max(r => r[i].Length))).ToArray();
        if (Colours)
        {
            var table = new Table { Border = TableBorder.Simple };
            table.AddColumns(header.Select(h => new TableColumn(h) { NoWrap = true }).ToArray());
            // The last column gives way where the terminal is narrow: it is a node's long name.
            var room = Math.Max(8, AnsiConsole.Profile.Width - widths[..^1].Sum() - 3 * header.Length - 2);
            foreach (var row in rows)
                table.AddRow([.. row[..^1].Select(Markup.Escape), Markup.Escape(row[^1].Length <= room ? row[^1] : row[^1][..(room - 1)] + "…")]);
            AnsiConsole.Write(table);
            return;
        }
        foreach (var row in rows.Prepend(header))
            Console.WriteLine(string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd());
    }

    /// <summary>What is wrong and what to do, on standard error; with --json the record on standard output.</summary>
    public static int Fail(Problem problem, bool json)
    {
        if (json)
            Json(problem, ApiJson.Default.Problem);
        else
            Console.Error.WriteLine(problem.Remedy is null ? $"macrovpn: {problem.Message}" : $"macrovpn: {problem.Message}\n{problem.Remedy}");
        return ExitCodes.Failed;
    }

    /// <summary>Asks on the terminal; false without one.</summary>
    public static bool Confirm(string question)
    {
        if (Console.IsInputRedirected)
            return false;
        Console.Error.Write($"{question} [y/N] ");
        return Console.ReadLine()?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    /// <summary>Asks for a secret without showing it; null without a terminal.</summary>
    public static string? AskSecret(string question) => Console.IsInputRedirected
        ? null
        : AnsiConsole.Prompt(new TextPrompt<string>(question).Secret(null));

    /// <summary>Decimal units, three digits: "512 B", "1.43 MB".</summary>
    public static string Bytes(long count)
    {
        if (count < 1000)
            return string.Create(CultureInfo.InvariantCulture, $"{count} B");
        var value = (double)count;
        var unit = 0;
        while (value >= 999.5 && unit < 5)
        {
            value /= 1000;
            unit++;
        }
        var digits = value < 9.995 ? "F2" : value < 99.95 ? "F1" : "F0";
        return value.ToString(digits, CultureInfo.InvariantCulture) + " " + "BkMGTP"[unit] + "B";
    }
}

enum StepMark
{
    Done,
    Begun,
    Wrong,
}
