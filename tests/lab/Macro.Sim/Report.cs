using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Macro.Sim;

/// <summary>What a scenario measured: facts, a table of rows with the same columns, and checks against its bars.</summary>
sealed class Report(string scenario)
{
    readonly JsonObject _facts = [];
    readonly List<(string Name, object Value)[]> _rows = [];
    readonly List<Check> _checks = [];

    public IReadOnlyList<Check> Checks => _checks;

    public bool Holds => _checks.TrueForAll(check => check.Ok);

    /// <param name="value">A number or text.</param>
    public void Fact(string name, object value) => _facts[name] = ToNode(value);

    /// <summary>A line of the table; its first column says what it is about.</summary>
    public void Row(params (string Name, object Value)[] columns) => _rows.Add(columns);

    /// <param name="detail">The figure, whether it holds or not.</param>
    public void Require(string name, bool ok, string detail) => _checks.Add(new Check(name, ok, detail));

    /// <summary>One line: {scenario, ok, facts..., rows, checks}.</summary>
    public string ToJson()
    {
        var line = new JsonObject { ["scenario"] = scenario, ["ok"] = Holds };
        foreach (var (name, value) in _facts)
            line[name] = value?.DeepClone();
        if (_rows.Count > 0)
            line["rows"] = new JsonArray([.. _rows.Select(row => new JsonObject(row.Select(column => KeyValuePair.Create(column.Name, (JsonNode?)ToNode(column.Value)))))]);
        line["checks"] = new JsonArray([.. _checks.Select(check => new JsonObject { ["name"] = check.Name, ["ok"] = check.Ok, ["detail"] = check.Detail })]);
        return line.ToJsonString(JsonSerializerOptions.Default);
    }

    /// <summary>For people: the facts, the table in Markdown, the checks.</summary>
    public void Print(TextWriter writer)
    {
        writer.WriteLine(scenario);
        foreach (var (name, value) in _facts)
            writer.WriteLine($"  {name,-36} {value}");
        if (_rows.Count > 0)
            PrintTable(writer);
        foreach (var check in _checks)
            writer.WriteLine($"{(check.Ok ? "ok   " : "FAIL ")} {check.Name} ({check.Detail})");
    }

    void PrintTable(TextWriter writer)
    {
        writer.WriteLine();
        writer.WriteLine("| " + string.Join(" | ", _rows[0].Select(column => column.Name)) + " |");
        writer.WriteLine("| --- |" + string.Concat(Enumerable.Repeat(" ---: |", _rows[0].Length - 1)));
        foreach (var row in _rows)
            writer.WriteLine("| " + string.Join(" | ", row.Select(column => Format(column.Value))) + " |");
        writer.WriteLine();
    }

    static JsonValue? ToNode(object value) => value switch
    {
        double number => JsonValue.Create(double.IsFinite(number) ? Math.Round(number, 4) : null as double?),
        long number => JsonValue.Create(number),
        int number => JsonValue.Create(number),
        _ => JsonValue.Create(value.ToString()),
    };

    static string Format(object value) => value switch
    {
        double number => number.ToString(Math.Abs(number) < 10 ? "0.###" : "#,0.#", CultureInfo.InvariantCulture),
        IFormattable number => number.ToString("#,0", CultureInfo.InvariantCulture),
        _ => value.ToString() ?? "",
    };
}

/// <summary>A bar and whether it holds.</summary>
sealed record Check(string Name, bool Ok, string Detail);

/// <summary>Many values of one kind.</summary>
sealed class Sample
{
    readonly List<double> _values = [];
    bool _sorted;

    public int Count => _values.Count;

    public void Add(double value)
    {
        _values.Add(value);
        _sorted = false;
    }

    public double Mean => _values.Count == 0 ? double.NaN : _values.Average();

    public double Median => Rank(0.5);

    public double P95 => Rank(0.95);

    /// <summary>The value below which this share of all lies; not a number when there is none.</summary>
    public double Rank(double share)
    {
        if (_values.Count == 0)
            return double.NaN;
        if (!_sorted)
            _values.Sort();
        _sorted = true;
        return _values[Math.Min(_values.Count - 1, (int)(share * _values.Count))];
    }
}
