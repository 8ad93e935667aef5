using CsCheck;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class KeyStoreFileTests
{
    static readonly Instant Now = Instant.FromUnixSeconds(1_800_000_000);
    readonly SeededRandom _random = new(3);

    [Theory]
    [InlineData(SealingMethod.Passphrase)]
    [InlineData(SealingMethod.SystemdCredential)]
    [InlineData(SealingMethod.KeyFile)]
    public void What_is_sealed_is_opened_by_the_same_secret(SealingMethod method)
    {
        using var contents = KeyStoreContents.Generate(_random, Now);
        contents.RelayKeys.RotateNow(Now, _random);
        contents.SetSecret("payment", [1, 2, 3]);
        contents.SetSecret("guard", []);

        var verdict = KeyStoreFile.TryOpen(Seal(contents, method), Secret(method), out var opened);

        Assert.Equal(KeyStoreVerdict.Opened, verdict);
        using (opened)
        {
            Assert.Equal(contents.Identity.Id, opened!.Identity.Id);
            Assert.Equal(contents.RelayKeys.Current.PublicKey, opened.RelayKeys.Current.PublicKey);
            Assert.Equal(contents.RelayKeys.Next.PublicKey, opened.RelayKeys.Next.PublicKey);
            Assert.Equal(contents.RelayKeys.Previous!.PublicKey, opened.RelayKeys.Previous!.PublicKey);
            Assert.Equal(contents.RelayKeys.PreviousUntil, opened.RelayKeys.PreviousUntil);
            Assert.Equal(Now, opened.RelayKeys.CurrentSince);
            Assert.True(opened.Secret("payment")!.Matches([1, 2, 3]));
            Assert.Equal(0, opened.Secret("guard")!.Length);
            Assert.Null(opened.Secret("other"));
        }
    }

    [Fact]
    public void Another_secret_or_method_does_not_open_it()
    {
        using var contents = KeyStoreContents.Generate(_random, Now);
        var file = Seal(contents, SealingMethod.KeyFile);
        Assert.Equal(KeyStoreVerdict.WrongSecretOrDamaged, KeyStoreFile.TryOpen(file, Secret(SealingMethod.KeyFile, 9), out _));
        Assert.Equal(KeyStoreVerdict.OtherMethod, KeyStoreFile.TryOpen(file, Secret(SealingMethod.SystemdCredential), out _));
    }

    [Fact]
    public void A_change_of_any_byte_is_noticed()
    {
        using var contents = KeyStoreContents.Generate(_random, Now);
        var file = Seal(contents, SealingMethod.KeyFile);
        for (var i = 0; i < file.Length; i++)
        {
            file[i] ^= 0x40;
            Assert.NotEqual(KeyStoreVerdict.Opened, KeyStoreFile.TryOpen(file, Secret(SealingMethod.KeyFile), out var opened));
            Assert.Null(opened);
            file[i] ^= 0x40;
        }
    }

    [Fact]
    public void A_file_cannot_ask_for_more_memory_than_a_machine_has()
    {
        using var contents = KeyStoreContents.Generate(_random, Now);
        var file = Seal(contents, SealingMethod.Passphrase);
        file[15] = 0x7f;
        Assert.Equal(KeyStoreVerdict.NotAKeyStore, KeyStoreFile.TryOpen(file, Secret(SealingMethod.Passphrase), out _));
    }

    [Fact]
    public void Garbage_never_throws() => Gen.Byte.Array[0, 300].Sample(bytes =>
    {
        byte[] file = [.. "macrokey"u8, .. bytes];
        return KeyStoreFile.TryOpen(file, Secret(SealingMethod.KeyFile), out _) != KeyStoreVerdict.Opened;
    });

    [Fact]
    public void No_key_stands_in_the_file_in_the_clear()
    {
        using var contents = KeyStoreContents.Generate(_random, Now);
        var file = Seal(contents, SealingMethod.KeyFile);
        Assert.Equal(-1, file.AsSpan().IndexOf(contents.RelayKeys.Current.Span));
        Assert.Equal(-1, file.AsSpan().IndexOf(contents.Identity.Id.Key.ToArray()));
    }

    byte[] Seal(KeyStoreContents contents, SealingMethod method) => KeyStoreFile.Seal(contents, Secret(method), _random, memoryKiB: 64, passes: 1);

    static SealingSecret Secret(SealingMethod method, byte fill = 7) => new(method, new SecretBytes(Enumerable.Repeat(fill, 32).ToArray()));
}
