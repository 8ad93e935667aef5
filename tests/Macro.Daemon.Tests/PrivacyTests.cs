using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Macro.Api;

namespace Macro.Daemon.Tests;

/// <summary>Nothing about destinations, peers' addresses or times of use is written to disk.</summary>
public sealed partial class PrivacyTests
{
    [Fact]
    public async Task The_data_folder_tells_neither_where_nor_when()
    {
        await using var relay = await RunningNode.StartAsync();
        await relay.Client.RelayAsync(new RelayRequest { Enabled = true });
        await using var node = await RunningNode.StartAsync();
        await node.Client.ImportNetworkAsync(await relay.Client.ExportNetworkAsync());
        await node.Client.UpAsync(new UpRequest { Mode = Mode.Private, ExitRegion = "CH" });
        await node.Client.CircuitAsync();
        await node.Client.RotateKeysAsync();
        await node.Client.DownAsync();

        var files = Directory.GetFiles(node.Folder, "*", SearchOption.AllDirectories).Where(f => !f.EndsWith(".sock", StringComparison.Ordinal)).ToArray();

        Assert.Equal(["desired.json", "directory", "keystore", "keystore.key", "lock"], files.Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
        var year = DateTime.UtcNow.Year.ToString(CultureInfo.InvariantCulture);
        foreach (var file in files)
        {
            Assert.Equal(DateTime.UnixEpoch, File.GetLastWriteTimeUtc(file));
            // Held by the node, and empty.
            if (Path.GetFileName(file) == "lock")
            {
                Assert.Equal(0, new FileInfo(file).Length);
                continue;
            }
            var text = Encoding.Latin1.GetString(await File.ReadAllBytesAsync(file));
            // Sealed bytes and signatures are random: only text can tell.
            if (Path.GetFileName(file) is "keystore" or "keystore.key")
                continue;
            Assert.DoesNotMatch(Address(), text);
            Assert.DoesNotContain(year + "-", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(ClockTime(), text);
        }
        Assert.Equal(
            """{"up":false,"mode":"private","exitRegion":"CH"}""",
            Regex.Replace(await File.ReadAllTextAsync(Path.Combine(node.Data, "desired.json")), @"\s", ""));
    }

    [GeneratedRegex(@"\b\d{1,3}(\.\d{1,3}){3}\b|\[[0-9a-f:]+\]:\d+")]
    private static partial Regex Address();

    [GeneratedRegex(@"\b\d\d:\d\d:\d\d\b|\b1[789]\d{8}\b")]
    private static partial Regex ClockTime();
}
