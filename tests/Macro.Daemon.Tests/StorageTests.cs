using System.Text;
using Macro.Api;
using Macro.Core;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Linux;
using Macro.Peers;

namespace Macro.Daemon.Tests;

public sealed class StorageTests : IDisposable
{
    readonly string _path = Directory.CreateTempSubdirectory("macro").FullName;
    readonly WallClock _clock = new(TimeProvider.System);

    public void Dispose() => Directory.Delete(_path, recursive: true);

    [Fact]
    public void Keys_survive_a_restart()
    {
        using var first = Open();
        using var second = Open();
        Assert.Equal(first.Identity.Id, second.Identity.Id);
        Assert.Equal(first.PublicRelayKeys, second.PublicRelayKeys);
        Assert.Equal(SealingMethod.KeyFile, second.SealedBy);
    }

    [Fact]
    public void A_passphrase_is_preferred_and_moves_a_store_that_was_sealed_by_a_key_file()
    {
        using var first = Open();
        var settings = WithPassphrase("correct horse battery");

        using var second = Open(settings);

        Assert.Equal(SealingMethod.Passphrase, second.SealedBy);
        Assert.Equal(first.Identity.Id, second.Identity.Id);
        Assert.False(File.Exists(Path.Combine(_path, "data", "keystore.key")));
    }

    [Fact]
    public void Without_the_passphrase_the_store_stays_shut_and_as_it_is()
    {
        Open(WithPassphrase("correct horse battery")).Dispose();
        var before = File.ReadAllBytes(Path.Combine(_path, "data", "keystore"));

        var missing = Assert.Throws<NodeException>(() => Open());
        var wrong = Assert.Throws<NodeException>(() => Open(WithPassphrase("another horse")));

        Assert.Contains("keys.passphrase_file", missing.Problem.Remedy, StringComparison.Ordinal);
        Assert.Contains("the secret is wrong", wrong.Problem.Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(Path.Combine(_path, "data", "keystore")));
    }

    [Fact]
    public void Keys_of_a_static_network_rotate_by_hand_only()
    {
        using var wandering = Open();
        using var still = Open(new NodeSettings { Network = new NetworkSection { Static = true } });
        Assert.NotEqual(Instant.Never, wandering.NextRotation);
        Assert.Equal(Instant.Never, still.NextRotation);
        var before = still.PublicRelayKeys;
        still.RotateNow();
        Assert.Equal(before.Next, still.PublicRelayKeys.Current);
    }

    [Fact]
    public void Whoever_uses_the_relay_keys_hears_of_a_rotation()
    {
        using var keys = Open();
        var heard = 0;
        keys.RelayKeysChanged += () => heard++;
        keys.RotateNow();
        Assert.Equal(1, heard);
        Assert.Equal(3, keys.CopyRelayKeys().Count);
    }

    [Fact]
    public void A_file_that_was_half_written_is_forgotten()
    {
        var folder = Folder();
        folder.Write("a", "old"u8);
        File.WriteAllText(folder.PathOf("a.new"), "ne");
        Assert.Equal("old", Encoding.UTF8.GetString(Folder().TryRead("a")!));
        Assert.False(File.Exists(folder.PathOf("a.new")));
    }

    [Fact]
    public void A_damaged_wish_counts_as_none()
    {
        Folder().Write("desired.json", "{"u8);
        Assert.Equal(new DesiredState(), new DesiredStateFile(Folder(), new NodeSettings()).Current);
    }

    [Fact]
    public void What_nobody_said_stays_with_the_settings()
    {
        var first = new DesiredStateFile(Folder(), new NodeSettings());
        first.Change(said => said with { Up = true, Relay = false });

        var settings = new NodeSettings
        {
            Client = new ClientSection { Mode = Mode.Paranoid, ExitRegion = "CH" },
            Relay = new RelaySection { Enabled = true },
            Exit = new ExitSection { Enabled = true },
        };
        var again = new DesiredStateFile(Folder(), settings);
        Assert.Equal(new DesiredState { Up = true, Mode = Mode.Paranoid, ExitRegion = "CH", Relay = false, Exit = true }, again.Current);
        again.Change(said => said with { ExitRegion = "any", Mode = Mode.Speed });
        Assert.Equal(new DesiredState { Up = true, Mode = Mode.Speed, Relay = false, Exit = true }, new DesiredStateFile(Folder(), settings).Current);
    }

    KeyRing Open(NodeSettings? settings = null) => new(Folder(), settings ?? new NodeSettings(), _clock, SystemRandom.Shared);

    [Fact]
    public void Two_nodes_never_use_one_folder()
    {
        Assert.True(Folder().TryLock(out var held));
        using (held)
            Assert.False(Folder().TryLock(out _));
        Assert.True(Folder().TryLock(out held));
        held.Dispose();
    }

    DataFolder Folder() => new(Path.Combine(_path, "data"));

    NodeSettings WithPassphrase(string words)
    {
        File.WriteAllText(Path.Combine(_path, "passphrase"), words + "\n");
        return new NodeSettings { Keys = new KeysSection { PassphraseFile = Path.Combine(_path, "passphrase") } };
    }
}
