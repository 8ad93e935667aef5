using System.Globalization;
using Macro.Fuzz;

// fuzz [--inputs N] [--seed N] [--target NAME] | fuzz --target NAME --replay FILE
long inputs = 10_000_000;
ulong seed = 1;
string? only = null, replay = null;
for (var i = 0; i + 1 < args.Length; i += 2)
{
    switch (args[i])
    {
        case "--inputs": inputs = long.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--seed": seed = ulong.Parse(args[i + 1], CultureInfo.InvariantCulture); break;
        case "--target": only = args[i + 1]; break;
        case "--replay": replay = args[i + 1]; break;
        default:
            Console.Error.WriteLine("Usage: fuzz [--inputs N] [--seed N] [--target NAME [--replay FILE]]");
            return 2;
    }
}
var failed = 0;
foreach (var target in FuzzTargets.All().Where(target => only is null || target.Name == only))
{
    if (replay is not null)
    {
        var outcome = Fuzzer.Replay(target, Corpus.Parse(File.ReadAllText(replay)));
        Console.WriteLine(outcome ?? $"{target.Name}: nothing broke");
        return outcome is null ? 0 : 1;
    }
    var result = new Fuzzer(target, seed).Run(inputs);
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
        $"{(result.Failure is null ? "ok   " : "FAIL ")} {result.Target,-6} {result.Inputs} inputs, {result.Pool} kept, {result.Time.TotalSeconds:F1} s"));
    if (result.Failure is null)
        continue;
    failed++;
    var file = Path.Combine(Path.GetTempPath(), $"fuzz-{result.Target}-{seed}.hex");
    File.WriteAllLines(file, result.Trail.Select(Convert.ToHexString));
    Console.WriteLine(result.Failure);
    Console.WriteLine($"Replay: fuzz --target {result.Target} --replay {file}");
}
return failed == 0 ? 0 : 1;
