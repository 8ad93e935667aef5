using System.ComponentModel;
using System.Diagnostics;
using Macro.Api;

namespace Macro.Cli.Node;

/// <summary>Starts the node when none answers: macrovpnd from the folder of this program, in a session of its own.</summary>
static class NodeStarter
{
    static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Returns when the node answers.</summary>
    /// <exception cref="NodeException">It cannot be started, or this user's is not the node to ask; the problem carries its own words.</exception>
    public static async Task EnsureAsync(NodeClient client, Action starting, CancellationToken cancel)
    {
        if (await AnswersAsync(client, cancel))
            return;
        starting();
        var program = Path.Combine(Path.GetDirectoryName(Environment.ProcessPath) ?? "", "macrovpnd");
        if (!File.Exists(program))
            throw new NodeException(ProblemCodes.NotRunning, $"No node answers at {client.SocketPath}, and there is no {program} to start.", "Start macrovpnd yourself.");

        using var process = Start(program, client.SocketPath);
        var words = process.StandardError.ReadToEndAsync(cancel);
        var since = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(since) < Patience)
        {
            if (await AnswersAsync(client, cancel))
                return;
            if (process.HasExited)
                throw new NodeException(ProblemCodes.NotRunning, "The node did not start.", (await words).Trim());
            await Task.Delay(Pause, cancel);
        }
        throw new NodeException(ProblemCodes.NotRunning, $"The node was started but does not answer at {client.SocketPath}.", "Run macrovpnd in a terminal to see what it says.");
    }

    /// <summary>
    /// setsid(1) takes the node out of this terminal's session, so that neither Ctrl-C nor closing the window ends it. Its
    /// standard error stays a pipe to here; once this program ends, the node's words go nowhere.
    /// </summary>
    static Process Start(string program, string socket)
    {
        var start = new ProcessStartInfo("setsid", [program, "--api", socket])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = "/",
        };
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new NodeException(ProblemCodes.NotRunning, "The node cannot be started: setsid is missing.", "Install util-linux, or start macrovpnd yourself.", e);
        }
    }

    public static async Task<bool> AnswersAsync(NodeClient client, CancellationToken cancel)
    {
        try
        {
            await client.VersionAsync(cancel);
            return true;
        }
        catch (NodeException e) when (e.Problem.Code == ProblemCodes.NotRunning)
        {
            return false;
        }
    }
}
