using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Macro.AeadBench;
using Macro.Crypto;
using Macro.Simulation;

// aead-bench [--json] [--rounds N] [--keys N]: ns per packet of every way to seal and open a batch, as a Markdown table.
// The contenders take turns, a few milliseconds each, and the median of the rounds counts: what else the machine does
// meets all of them.

const int Tag = Aead.TagSize, Gap = 16;
var json = args.Contains("--json");
var rounds = Option("--rounds", 31);
var keyCount = Option("--keys", 4);
int[] sizes = [64, 256, 1420], batches = [1, 4, 16, 64];

var random = new SeededRandom(1);
var bytes = new byte[keyCount][];
for (var i = 0; i < keyCount; i++)
    random.Fill(bytes[i] = new byte[AeadKey.Size]);
AeadKey[] keys = [.. bytes.Select(key => new AeadKey(key))];
var contenders = Contender.All(keys, bytes);
var openings = new List<Measurement>();
var sealings = new List<Measurement>();

// The runtime compiles what runs often anew, in the background: only then does it count.
for (var began = Stopwatch.StartNew(); began.Elapsed < TimeSpan.FromSeconds(2);)
{
    _ = Measure(64, 3, opening: false, rounds: 1);
    _ = Measure(1420, 17, opening: true, rounds: 1);
}

foreach (var size in sizes)
{
    foreach (var batch in batches)
    {
        sealings.Add(Measure(size, batch, opening: false, rounds));
        openings.Add(Measure(size, batch, opening: true, rounds));
    }
}

if (json)
{
    Console.WriteLine(JsonSerializer.Serialize(new { benchmark = "aead", implementation = Aead.Implementation, seal = sealings, open = openings }));
    return;
}
Print("seal", sealings);
Console.WriteLine();
Print("open", openings);
Console.WriteLine();
Console.WriteLine(Text($"Batches are computed with {Aead.Implementation} here; the peer is {OpenSsl.Version}, one kept context per key. {keyCount} keys in turn, {rounds} rounds."));

Measurement Measure(int size, int batch, bool opening, int rounds)
{
    var jobs = new AeadJob[batch];
    for (var i = 0; i < batch; i++)
        jobs[i] = new AeadJob { Key = keys[i % keyCount], Counter = (ulong)i, Offset = Gap + i * (Gap + size + Tag), Length = size };
    var buffer = new byte[Gap + batch * (Gap + size + Tag)];
    var sealedText = new byte[buffer.Length];
    random.Fill(sealedText);
    contenders[0].Seal(sealedText, jobs);

    var times = contenders.Select(_ => new double[rounds]).ToArray();
    var repetitions = Math.Max(1, 1_000_000 / (batch * (300 + size)));
    for (var round = -2; round < rounds; round++)
    {
        for (var c = 0; c < contenders.Count; c++)
        {
            var elapsed = Time(contenders[c], repetitions);
            if (round >= 0)
                times[c][round] = elapsed / batch / repetitions;
        }
    }
    return new Measurement(size, batch, contenders.Select((contender, c) => (contender.Name, Median(times[c]))).ToDictionary());

    double Time(Contender contender, int repetitions)
    {
        var copying = 0L;
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < repetitions; i++)
        {
            if (opening)
            {
                // Opening needs a sealed text each time; the copy is not counted.
                var copyBegan = Stopwatch.GetTimestamp();
                sealedText.CopyTo(buffer, 0);
                copying += Stopwatch.GetTimestamp() - copyBegan;
                contender.Open(buffer, jobs);
                if (!jobs[^1].Ok)
                    throw new InvalidOperationException(contender.Name + " does not open.");
            }
            else
            {
                contender.Seal(buffer, jobs);
            }
        }
        return (Stopwatch.GetTimestamp() - began - copying) * 1e9 / Stopwatch.Frequency;
    }
}

void Print(string verb, List<Measurement> measurements)
{
    Console.WriteLine($"| {verb}: bytes | batch | {string.Join(" | ", contenders.Select(c => c.Name))} | OpenSSL / {contenders[0].Name} |");
    Console.WriteLine("|--:|--:|" + string.Concat(Enumerable.Repeat("--:|", contenders.Count + 1)));
    foreach (var m in measurements)
    {
        var cells = string.Join(" | ", contenders.Select(c => m.Nanoseconds[c.Name].ToString("F0", CultureInfo.InvariantCulture)));
        Console.WriteLine(Text($"| {m.Size} | {m.Batch} | {cells} | {m.Nanoseconds["OpenSSL"] / m.Nanoseconds[contenders[0].Name]:F2} |"));
    }
}

int Option(string name, int otherwise) =>
    Array.IndexOf(args, name) is var at and >= 0 ? int.Parse(args[at + 1], CultureInfo.InvariantCulture) : otherwise;

static double Median(double[] values)
{
    Array.Sort(values);
    return values[values.Length / 2];
}

static string Text(FormattableString text) => FormattableString.Invariant(text);
