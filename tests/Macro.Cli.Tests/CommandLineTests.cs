namespace Macro.Cli.Tests;

/// <summary>What needs no node.</summary>
public sealed class CommandLineTests : IDisposable
{
    readonly Cli _cli = new();

    public void Dispose() => _cli.Dispose();

    [Theory]
    [InlineData("bogus")]
    [InlineData("up", "--mode", "fast")]
    [InlineData("up", "--exit", "Switzerland")]
    [InlineData("up", "--exit", "12")]
    [InlineData("up", "--exit", "any,CH")]
    [InlineData("up", "--exit", "CH,,NL")]
    [InlineData("up", "--exit", "AT,BE,CH,DE,ES,FR,GB,IE,IT,LU,NL,NO,PL,PT,SE,US,any")]
    [InlineData("up", "--wait", "--timeout", "soon")]
    [InlineData("relay")]
    [InlineData("relay", "maybe")]
    [InlineData("network", "import")]
    [InlineData("keys", "backup")]
    public void A_wrong_command_line_is_exit_code_2_and_says_where_help_is(params string[] arguments)
    {
        var result = _cli.Run(arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Empty(result.Output);
        Assert.Contains("--help'", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Help_is_named_with_all_words_of_the_command()
    {
        Assert.Contains("See 'macrovpn relay on --help'.", _cli.Run("relay", "on", "--loud").Error, StringComparison.Ordinal);
        Assert.Contains("See 'macrovpn --help'.", _cli.Run("bogus").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_node_it_fails_and_says_what_to_do()
    {
        var result = _cli.Run("status");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(
            $"macrovpn: No node answers at {_cli.Socket}.\nStart it with 'macrovpn up' or 'macrovpnd', or name its socket with --api SOCKET.\n",
            result.Error);
    }

    [Fact]
    public void Without_a_node_json_is_a_problem_record()
    {
        var result = _cli.Run("circuit", "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(1, result.Json.GetProperty("version").GetInt32());
        Assert.Equal("not-running", result.Json.GetProperty("code").GetString());
    }

    [Fact]
    public void Help_is_no_failure()
    {
        var result = _cli.RunBare("--help");
        Assert.Equal(0, result.ExitCode);
        foreach (var command in new[] { "up", "down", "stop", "status", "circuit", "relay", "exit", "network", "keys", "version", "completion" })
            Assert.Contains($"  {command} ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_works_without_a_node()
    {
        var result = _cli.Run("version");
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^macrovpn   \d+\.\d+\.\d+\nmacrovpnd  not running\n$", result.Output);
        Assert.False(_cli.Run("version", "--json").Json.TryGetProperty("node", out _));
    }

    [Theory]
    [InlineData("file", "network", "import", "nowhere")]
    [InlineData("file", "keys", "restore", "nowhere")]
    [InlineData("bad-request", "keys", "backup", "backup")]
    public void What_fails_before_a_node_is_asked_is_a_problem_record_with_a_remedy(string code, params string[] arguments)
    {
        var result = _cli.Run([.. arguments, "--json"]);
        Assert.Equal((1, ""), (result.ExitCode, result.Error));
        Assert.Equal(code, result.Json.GetProperty("code").GetString());
        Assert.NotEmpty(result.Json.GetProperty("remedy").GetString()!);
    }

    [Fact]
    public void Stop_without_a_node_is_done_already()
    {
        Assert.Equal((0, "ok no node runs\n"), (_cli.Run("stop").ExitCode, _cli.Run("stop").Output));
        Assert.False(_cli.Run("stop", "--json").Json.GetProperty("running").GetBoolean());
    }

    [Fact]
    public void An_exit_is_not_switched_on_without_consent()
    {
        var result = _cli.Run("exit", "on");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("sends the traffic of strangers", result.Error, StringComparison.Ordinal);
        Assert.Contains("--yes", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bash", "bash", "-n")]
    [InlineData("zsh", "zsh", "-n")]
    [InlineData("fish", "fish", "--no-execute")]
    public void Completion_scripts_are_sound(string shell, string program, string check)
    {
        var script = _cli.RunBare("completion", shell);
        Assert.Equal(0, script.ExitCode);
        Assert.Contains("suggest:", script.Output, StringComparison.Ordinal);
        var interpreter = new[] { "/bin/", "/usr/bin/" }.Select(d => d + program).FirstOrDefault(File.Exists);
        if (interpreter is null)
            Assert.Skip($"{program} is not installed");
        File.WriteAllText(_cli.PathOf("script"), script.Output);
        var result = _cli.Execute(interpreter, [check, _cli.PathOf("script")]);
        Assert.True(result.ExitCode == 0, result.Error);
    }

    [Fact]
    public void In_bash_a_tab_completes()
    {
        File.WriteAllText(_cli.PathOf("script"), $$"""
            {{_cli.RunBare("completion", "bash").Output}}
            PATH="{{AppContext.BaseDirectory}}:$PATH"
            COMP_WORDS=(macrovpn rel); COMP_CWORD=1; COMP_LINE="macrovpn rel"; COMP_POINT=12
            _macrovpn
            echo "${COMPREPLY[@]}"
            COMP_WORDS=(macrovpn up --mode ""); COMP_CWORD=3; COMP_LINE="macrovpn up --mode "; COMP_POINT=19
            _macrovpn
            echo "${COMPREPLY[@]}"
            """);
        var result = _cli.Execute("/bin/bash", [_cli.PathOf("script")]);
        Assert.Equal("relay\nbalanced paranoid private speed\n", result.Output);
    }
}
