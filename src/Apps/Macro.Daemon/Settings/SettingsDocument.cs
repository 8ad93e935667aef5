using System.Globalization;
using Macro.Core;
using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Macro.Daemon.Settings;

/// <summary>
/// A TOML file as "section.key" -> value and line. The typed reads below take a value or its default and note what is
/// wrong; <see cref="Finish"/> adds the keys that nobody asked for and throws when there was anything.
/// So the reads themselves are the list of known keys.
/// </summary>
sealed class SettingsDocument
{
    readonly record struct Entry(ValueSyntax Value, int Line);

    readonly string _file;
    readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    readonly Dictionary<string, int> _sections = new(StringComparer.Ordinal);
    readonly HashSet<string> _asked = new(StringComparer.Ordinal);
    readonly List<(int Line, string Text)> _errors = [];

    /// <param name="file">The name to use in messages.</param>
    public SettingsDocument(string text, string file)
    {
        _file = file;
        var document = SyntaxParser.Parse(text, file);
        foreach (var diagnostic in document.Diagnostics)
            _errors.Add((diagnostic.Span.Start.Line + 1, $"the file is not TOML: {diagnostic.Message.TrimEnd('.')}; see docs/operations/settings.md"));
        if (document.HasErrors)
            return;
        Add("", document.KeyValues);
        foreach (var table in document.Tables)
        {
            var name = Name(table.Name);
            _sections.TryAdd(name, LineOf(table));
            if (table is TableArraySyntax)
                _errors.Add((LineOf(table), $"{name}: a section is written once, with single brackets; use [{name}]"));
            Add(name + ".", table.Items);
        }
    }

    public string? Text(string key, string? fallback, Func<string, string?> check)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        if (entry.Value is not StringValueSyntax { Value: { } value })
            return Refuse(entry, key, "expects a text in quotes", fallback);
        return check(value) is { } complaint ? Refuse(entry, key, complaint, fallback) : value;
    }

    public T Parsed<T>(string key, T fallback, TryParse<T> parse, string expectation)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        return entry.Value is StringValueSyntax { Value: { } text } && parse(text, out var value)
            ? value
            : Refuse(entry, key, $"{Show(entry.Value)} is not {expectation}", fallback);
    }

    public IReadOnlyList<T> List<T>(string key, IReadOnlyList<T> fallback, TryParse<T> parse, string expectation)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        if (entry.Value is not ArraySyntax array)
            return Refuse(entry, key, "expects a list of texts, as in [\"...\", \"...\"]", fallback);
        var values = new List<T>();
        foreach (var item in array.Items)
        {
            if (item.Value is StringValueSyntax { Value: { } text } && parse(text, out var value))
                values.Add(value);
            else
                Refuse(new Entry(item.Value!, LineOf(item)), key, $"{Show(item.Value!)} is not {expectation}", fallback);
        }
        return values;
    }

    /// <summary>True when the key holds a list and not a single value.</summary>
    public bool IsList(string key) => _entries.TryGetValue(key, out var entry) && entry.Value is ArraySyntax;

    public long Number(string key, long fallback, long least, long most, string unit)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        var bounds = string.Create(CultureInfo.InvariantCulture, $"use a {unit} of {least} to {most}");
        if (entry.Value is not IntegerValueSyntax { Value: var value })
            return Refuse(entry, key, $"{Show(entry.Value)} is not a whole number; {bounds}", fallback);
        return value >= least && value <= most ? value : Refuse(entry, key, $"{value} is out of bounds; {bounds}", fallback);
    }

    public bool Flag(string key, bool fallback)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        return entry.Value is BooleanValueSyntax { Value: var value }
            ? value
            : Refuse(entry, key, $"{Show(entry.Value)} is neither yes nor no; use true or false", fallback);
    }

    /// <summary>One of a few words.</summary>
    public T Choice<T>(string key, T fallback, string noun, params (string Word, T Value)[] choices)
    {
        if (!TryTake(key, out var entry))
            return fallback;
        foreach (var (word, value) in choices)
            if (entry.Value is StringValueSyntax { Value: { } text } && text == word)
                return value;
        var words = choices.Select(c => c.Word).ToArray();
        return Refuse(entry, key, $"{Show(entry.Value)} is not {noun}; use {Sentence(words)}", fallback);
    }

    /// <summary>Notes a complaint that only the combination of keys shows.</summary>
    public void Refuse(string key, string complaint) =>
        _errors.Add((_entries.TryGetValue(key, out var entry) ? entry.Line : 0, $"{key}: {complaint}"));

    /// <exception cref="SettingsException">Anything was wrong; all of it, in the order of the lines.</exception>
    public void Finish()
    {
        var known = _asked.Select(Section).ToHashSet(StringComparer.Ordinal);
        if (_errors.Count == 0 || _entries.Count > 0)
        {
            foreach (var (name, line) in _sections)
                if (!known.Contains(name))
                    _errors.Add((line, $"[{name}] is not a section; use {Suggest(name, known)}"));
            foreach (var (key, entry) in _entries)
                if (!_asked.Contains(key) && (known.Contains(Section(key)) || !_sections.ContainsKey(Section(key))))
                    _errors.Add((entry.Line, $"{key} is not a setting; use {Suggest(key, _asked)}"));
        }
        if (_errors.Count > 0)
            throw new SettingsException([.. _errors.OrderBy(e => e.Line).Select(e => $"{_file}:{e.Line}: {e.Text}")]);
    }

    void Add(string prefix, SyntaxList<KeyValueSyntax> items)
    {
        foreach (var item in items)
        {
            var key = prefix + Name(item.Key);
            if (!_entries.TryAdd(key, new Entry(item.Value!, LineOf(item))))
                _errors.Add((LineOf(item), $"{key}: written twice; remove one of the two"));
        }
    }

    bool TryTake(string key, out Entry entry)
    {
        _asked.Add(key);
        return _entries.TryGetValue(key, out entry);
    }

    T Refuse<T>(Entry entry, string key, string complaint, T fallback)
    {
        _errors.Add((entry.Line, $"{key}: {complaint}"));
        return fallback;
    }

    static int LineOf(SyntaxNode node) => node.Span.Start.Line + 1;

    static string Name(KeySyntax? key) => string.Concat(key?.ToString().Where(c => c is not ('"' or '\'' or ' ' or '\t')) ?? "");

    static string Section(string key) => key.Contains('.') ? key[..key.IndexOf('.')] : "";

    static string Show(ValueSyntax value) => value is StringValueSyntax { Value: { } text } ? $"'{text}'" : $"'{value.ToString().Trim()}'";

    static string Sentence(string[] words) =>
        words.Length == 1 ? words[0] : string.Join(", ", words[..^1]) + " or " + words[^1];

    static string Suggest(string name, IReadOnlyCollection<string> candidates)
    {
        var nearest = candidates.Where(c => c.Length > 0).MinBy(c => Distance(name, c));
        return nearest is not null && Distance(name, nearest) <= Math.Max(2, name.Length / 3)
            ? $"{nearest} instead, or remove it"
            : "one of those in docs/operations/settings.md, or remove it";
    }

    /// <summary>Levenshtein's distance: the least number of letters to add, drop or change.</summary>
    static int Distance(string a, string b)
    {
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
            row[j] = j;
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var above = row[j];
                row[j] = Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }
        return row[^1];
    }
}

/// <summary>A TryParse method.</summary>
delegate bool TryParse<T>(string text, out T value);
