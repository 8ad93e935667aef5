using System.Text.Json;

namespace Macro.Cli.Tests;

/// <summary>The program against a real node that has no relays.</summary>
public sealed class NodeTests : IDisposable
{
    readonly Cli _cli = new();

    public NodeTests() => _cli.StartNode();

    public void Dispose() => _cli.Dispose();

    [Fact]
    public void Status_is_the_same_in_words_and_in_json()
    {
        var words = _cli.Run("status");
        var json = _cli.Run("status", "--json");
        Assert.Equal((0, 0), (words.ExitCode, json.ExitCode));
        Assert.StartsWith("connection    off\n", words.Output, StringComparison.Ordinal);
        Assert.Equal("off", json.Json.GetProperty("state").GetString());
        Assert.Equal(1, json.Json.GetProperty("version").GetInt32());
        Assert.False(json.Json.GetProperty("relay").GetProperty("enabled").GetBoolean());
        Assert.EndsWith("}\n", json.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_command_answers_json_with_a_version()
    {
        File.WriteAllText(_cli.PathOf("passphrase"), "correct horse\n");
        string[][] commands =
        [
            ["status"], ["circuit"], ["version"], ["doctor"], ["netcheck"], ["down"], ["keys", "show"], ["keys", "rotate"], ["network", "show"],
            ["network", "export"], ["keys", "backup", _cli.PathOf("backup"), "--passphrase-file", _cli.PathOf("passphrase")],
            ["keys", "restore", _cli.PathOf("backup"), "--yes", "--passphrase-file", _cli.PathOf("passphrase")],
        ];
        foreach (var command in commands)
        {
            var result = _cli.Run([.. command, "--json"]);
            Assert.True(result.ExitCode == 0, $"{string.Join(' ', command)}: {result.Output}{result.Error}");
            Assert.Equal(1, result.Json.GetProperty("version").GetInt32());
        }
    }

    [Fact]
    public void Version_names_the_program_and_the_node()
    {
        var version = _cli.Run("version", "--json").Json;
        Assert.Equal(version.GetProperty("program").GetString(), version.GetProperty("node").GetString());
    }

    [Fact]
    public void Doctor_says_of_each_finding_whether_it_is_well_and_else_what_helps()
    {
        var json = _cli.Run("doctor", "--json").Json.GetProperty("findings").EnumerateArray().ToArray();
        var words = _cli.Run("doctor").Output;

        string[] names = [.. json.Select(finding => finding.GetProperty("name").GetString()!)];
        string[] always = ["aead", "pumps", "udp-segmentation", "udp-receive", "udp-buffer", "capabilities", "ip", "nft", "key-store"];
        Assert.Empty(always.Except(names));
        Assert.All(json, finding => Assert.Equal(!finding.GetProperty("ok").GetBoolean(), finding.TryGetProperty("remedy", out _)));
        // Without a passphrase or a credential the key lies beside the store, and a node in a test has nothing better.
        Assert.Contains("!! key-store: sealed under a key file", words, StringComparison.Ordinal);
    }

    [Fact]
    public void A_backup_never_writes_over_a_file()
    {
        File.WriteAllText(_cli.PathOf("passphrase"), "correct horse\n");
        File.WriteAllText(_cli.PathOf("backup"), "precious");
        Assert.Equal(1, _cli.Run("keys", "backup", _cli.PathOf("backup"), "--passphrase-file", _cli.PathOf("passphrase")).ExitCode);
        Assert.Equal("precious", File.ReadAllText(_cli.PathOf("backup")));
    }

    [Fact]
    public void A_directory_file_that_is_none_is_refused_with_a_remedy()
    {
        File.WriteAllText(_cli.PathOf("directory"), "hello");
        var result = _cli.Run("network", "import", _cli.PathOf("directory"));
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("macrovpn: This is not a directory file.\nTake a file that 'macrovpn network export' wrote.\n", result.Error);
        Assert.Equal(1, _cli.Run("network", "import", _cli.PathOf("nowhere")).ExitCode);
    }

    [Fact]
    public void Up_without_relays_fails_and_says_what_to_do()
    {
        var result = _cli.Run("up", "--wait", "--json");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal(JsonValueKind.String, (result.Json.TryGetProperty("problem", out var problem) ? problem : result.Json).GetProperty("remedy").ValueKind);
    }

    [Fact]
    public void Stop_ends_the_node_as_a_signal_does()
    {
        var result = _cli.Run("stop", "--json");
        Assert.Equal(0, result.ExitCode);
        Assert.False(result.Json.GetProperty("running").GetBoolean());
        Assert.Equal(0, _cli.AwaitNode());
        Assert.False(File.Exists(_cli.Socket));
    }

    [Fact]
    public void A_node_that_ends_leaves_its_place_to_the_next_at_once()
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal("ok the node has ended\n", _cli.Run("stop").Output);
            _cli.StartNode();
        }
    }

    [Fact]
    public void The_node_ends_cleanly_and_takes_its_socket_away()
    {
        Assert.Equal(0, _cli.StopNode());
        Assert.False(File.Exists(_cli.Socket));
    }
}
