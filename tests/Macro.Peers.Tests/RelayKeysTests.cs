using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;

namespace Macro.Peers.Tests;

public sealed class RelayKeysTests
{
    static readonly Instant Start = Instant.FromUnixSeconds(1_800_000_000);
    readonly SeededRandom _random = new(1);

    [Fact]
    public void Nothing_changes_within_24_hours()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        Assert.False(keys.Rotate(Start + TimeSpan.FromHours(23.99), _random));
        Assert.Equal(Start + TimeSpan.FromHours(24), keys.NextTimeout);
    }

    [Fact]
    public void The_announced_key_takes_over_after_24_hours()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        var (first, second) = (keys.Current.PublicKey, keys.Next.PublicKey);

        Assert.True(keys.Rotate(Start + TimeSpan.FromHours(24), _random));

        Assert.Equal(second, keys.Current.PublicKey);
        Assert.Equal(first, keys.Previous!.PublicKey);
        Assert.NotEqual(second, keys.Next.PublicKey);
    }

    [Fact]
    public void A_key_is_accepted_48_hours_and_no_longer()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        var first = keys.Current.PublicKey;
        keys.Rotate(Start + TimeSpan.FromHours(24), _random);

        Assert.Contains(first, Accepted(keys, Start + TimeSpan.FromHours(47.9)));
        Assert.DoesNotContain(first, Accepted(keys, Start + TimeSpan.FromHours(48)));
        Assert.True(keys.Rotate(Start + TimeSpan.FromHours(48), _random));
        Assert.NotEqual(first, keys.Previous!.PublicKey);
    }

    [Fact]
    public void The_announced_key_is_accepted_already()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        Assert.Equal([keys.Current.PublicKey, keys.Next.PublicKey], Accepted(keys, Start));
    }

    [Fact]
    public void After_a_sleep_of_two_days_all_keys_are_new()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        var old = Accepted(keys, Start);
        Assert.True(keys.Rotate(Start + TimeSpan.FromHours(48), _random));
        Assert.Empty(old.Intersect(Accepted(keys, Start + TimeSpan.FromHours(48))));
    }

    [Fact]
    public void A_clock_that_was_far_ahead_does_not_freeze_the_keys()
    {
        using var keys = RelayKeys.Generate(_random, Start + TimeSpan.FromDays(900));
        Assert.True(keys.Rotate(Start, _random));
        Assert.Equal(Start + TimeSpan.FromHours(24), keys.NextTimeout);
    }

    [Fact]
    public void A_rotation_by_hand_keeps_the_old_key_for_a_day()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        var first = keys.Current.PublicKey;
        keys.RotateNow(Start + TimeSpan.FromHours(1), _random);
        Assert.Contains(first, Accepted(keys, Start + TimeSpan.FromHours(24.9)));
        Assert.DoesNotContain(first, Accepted(keys, Start + TimeSpan.FromHours(25)));
    }

    [Fact]
    public void A_key_that_goes_is_wiped()
    {
        using var keys = RelayKeys.Generate(_random, Start);
        var first = keys.Current;
        keys.RotateNow(Start, _random);
        keys.RotateNow(Start, _random);
        Assert.True(first.IsWiped);
    }

    static PublicKey[] Accepted(RelayKeys keys, Instant now) => [.. keys.CopyAccepted(now).Select(k => k.PublicKey)];
}
