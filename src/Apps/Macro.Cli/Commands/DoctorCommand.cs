using System.CommandLine;
using Macro.Api;
using Macro.Cli.Output;

namespace Macro.Cli.Commands;

/// <summary>macrovpn doctor: what the machine gives the node, and what to do about the rest.</summary>
static class DoctorCommand
{
    public static Command Doctor()
    {
        var command = new Command("doctor", "Look for what makes this node slow or unsafe, and say what helps.");
        command.Run(async (client, parsed, cancel) =>
        {
            var answer = await client.DoctorAsync(cancel);
            if (parsed.GetValue(GlobalOptions.Json))
            {
                Terminal.Json(answer, ApiJson.Default.DoctorAnswer);
                return ExitCodes.Done;
            }
            foreach (var finding in answer.Findings)
            {
                Terminal.Step(finding.Ok ? StepMark.Done : StepMark.Wrong, $"{finding.Name}: {finding.Message}");
                if (finding.Remedy is { } remedy)
                    Terminal.Line($"   {remedy}");
            }
            return ExitCodes.Done;
        });
        return command;
    }
}
