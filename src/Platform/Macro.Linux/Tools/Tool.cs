using System.Diagnostics;

namespace Macro.Linux;

/// <summary>Runs a program of the system to its end, with text in and text out.</summary>
static class Tool
{
    internal readonly record struct Result(int ExitCode, string Output, string Errors);

    /// <exception cref="LinuxException">The program is not installed.</exception>
    internal static Result Run(string program, string input, params ReadOnlySpan<string> arguments)
    {
        var start = new ProcessStartInfo(program)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
        };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["LC_ALL"] = "C";
        using var process = new Process { StartInfo = start };
        var errors = new System.Text.StringBuilder();
        process.ErrorDataReceived += (_, line) => errors.AppendLine(line.Data);
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            throw new LinuxException($"Cannot run '{program}': it is not installed.");
        }
        process.BeginErrorReadLine();
        try
        {
            process.StandardInput.Write(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended before it read everything; its exit code tells why.
        }
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new Result(process.ExitCode, output, errors.ToString().Trim());
    }
}
