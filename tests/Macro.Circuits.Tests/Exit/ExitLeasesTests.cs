using Macro.Core;

namespace Macro.Circuits.Tests.Exit;

public class ExitLeasesTests
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_700_000_000);

    [Fact]
    public void A_lease_is_found_by_both_addresses_until_it_is_returned()
    {
        var leases = new ExitLeases();
        var lease = leases.TryRent(null!, s_start)!;

        Assert.True(leases.TryFind(lease.V4, out var byV4) && ReferenceEquals(byV4, lease));
        Assert.True(leases.TryFind(lease.V6, out var byV6) && ReferenceEquals(byV6, lease));
        leases.Return(lease, s_start);
        Assert.False(leases.TryFind(lease.V4, out _));
        Assert.Equal(0, leases.Count);
    }

    [Fact]
    public void A_returned_address_rests_as_time_advances()
    {
        var leases = new ExitLeases(new AddressPool<ExitLease>(Prefix.Parse("10.0.0.0/29"), quarantine: TimeSpan.FromSeconds(60)));
        var all = Enumerable.Range(0, 5).Select(_ => leases.TryRent(null!, s_start)!).ToArray();
        Assert.Null(leases.TryRent(null!, s_start));
        all[1].WasUsed = true;
        leases.Return(all[1], s_start);

        Assert.Null(leases.TryRent(null!, s_start + TimeSpan.FromSeconds(59)));
        Assert.Equal(all[1].V4, leases.TryRent(null!, s_start + TimeSpan.FromSeconds(60))!.V4);
    }
}
