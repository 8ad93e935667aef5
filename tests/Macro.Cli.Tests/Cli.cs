using System.Diagnostics;
using System.Text;
using System.Text.Json;

namespace Macro.Cli.Tests;

/// <summary>What a run of macrovpn returned and said.</summary>
sealed record CliResult(int ExitCode, string Output, string Error)
{
    public JsonElement Json => JsonDocument.Parse(Output).RootElement;
}

/// <summary>Runs the built programs in a folder of their own, as a user does; the nodes that they start end with it.</summary>
sealed class Cli : IDisposable
{
    readonly string _folder = Directory.CreateTempSubdirectory("macro").FullName;
    Process? _node;

    public string Socket => Path.Combine(_folder, "run", "api.sock");

    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>Runs "macrovpn ARGUMENTS --api SOCKET".</summary>
    public CliResult Run(params string[] arguments) => Execute("macrovpn", [.. arguments, "--api", Socket]);

    public CliResult RunBare(params string[] arguments) => Execute("macrovpn", arguments);

    /// <summary>Starts macrovpnd for a static network and waits until it answers.</summary>
    public void StartNode()
    {
        File.WriteAllText(PathOf("settings.toml"), """
            [node]
            udp_port = 0
            [relay]
            endpoints = ["10.77.0.1:51900"]
            [network]
            name = "lab"
            static = true
            """);
        _node = Process.Start(new ProcessStartInfo(Beside("macrovpnd"), ["--settings", PathOf("settings.toml"), "--data", PathOf("data"), "--api", Socket]))!;
        var version = Stopwatch.StartNew();
        while (Run("status").ExitCode != 0)
        {
            Assert.False(_node.HasExited, "macrovpnd ended");
            Assert.True(version.Elapsed < TimeSpan.FromSeconds(60), "macrovpnd does not answer");
        }
    }

    /// <summary>Asks the node to end (SIGTERM) and returns its exit code.</summary>
    public int StopNode()
    {
        Execute("/bin/kill", [_node!.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        return AwaitNode();
    }

    /// <summary>Waits for the end of the node and returns its exit code.</summary>
    public int AwaitNode()
    {
        _node!.WaitForExit();
        var code = _node.ExitCode;
        _node.Dispose();
        _node = null;
        return code;
    }

    public CliResult Execute(string program, IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo(program.Contains('/') ? program : Beside(program), arguments)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // The node that 'up' starts must not touch the folders of this machine.
        start.Environment["XDG_STATE_HOME"] = PathOf("state");
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var error = new StringBuilder();
        process.ErrorDataReceived += (_, line) => error.Append(line.Data is null ? "" : line.Data + "\n");
        process.BeginErrorReadLine();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new CliResult(process.ExitCode, output, error.ToString());
    }

    public void Dispose()
    {
        if (_node is not null)
            StopNode();
        Directory.Delete(_folder, recursive: true);
    }

    static string Beside(string program) => Path.Combine(AppContext.BaseDirectory, program);
}
