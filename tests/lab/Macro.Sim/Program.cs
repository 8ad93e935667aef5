using System.Globalization;
using Macro.Sim;

// sim list | sim [--json] [--about SUBJECT] [--seed N] [--nodes N] [--long] [NAME...]: experiments in virtual time; all of a subject, or of
// all subjects, when none is named.
// The exit status is 0 when all checks hold.
var settings = new Settings();
var names = new List<string>();
string? subject = null;
var json = false;
for (var i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "list":
            foreach (var scenario in Scenarios.All)
                Console.WriteLine($"{scenario.Name,-16} {scenario.What}");
            return 0;
        case "--json": json = true; break;
        case "--about": subject = args[++i]; break;
        case "--long": settings = settings with { Long = true }; break;
        case "--seed": settings = settings with { Seed = ulong.Parse(args[++i], CultureInfo.InvariantCulture) }; break;
        case "--nodes": settings = settings with { Nodes = int.Parse(args[++i], CultureInfo.InvariantCulture) }; break;
        case var name when Scenarios.All.Any(scenario => scenario.Name == name): names.Add(name); break;
        default:
            Console.Error.WriteLine("Usage: sim list | sim [--json] [--about discovery|routing] [--seed N] [--nodes N] [--long] [NAME...]");
            return 2;
    }
}
var failed = false;
foreach (var scenario in Scenarios.All.Where(scenario => names.Count == 0 ? subject is null || scenario.Subject == subject : names.Contains(scenario.Name)))
{
    var report = new Report(scenario.Name);
    var began = Machine.CpuSeconds();
    scenario.Run(settings, report);
    report.Fact("seed", (long)settings.Seed);
    report.Fact("CPU s", Machine.CpuSeconds() - began);
    report.Fact("peak MB", Machine.PeakMegabytes());
    if (json)
        Console.WriteLine(report.ToJson());
    else
        report.Print(Console.Out);
    failed |= !report.Holds;
}
return failed ? 1 : 0;
