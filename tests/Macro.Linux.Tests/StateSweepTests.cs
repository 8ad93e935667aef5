using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

public sealed class StateSweepTests
{
    public StateSweepTests() => Require();

    [Fact]
    public void Removes_the_nat_of_a_killed_exit_and_restores_forwarding()
    {
        var before = State();
        using (Victim.Start("exit"))
            Assert.NotEqual(before, State());
        Assert.NotEqual(before, State());

        var report = StateSweep.Run();

        Assert.Equal(before, State());
        Assert.Equal(["firewall table macrovpn_victim0"], report.Removed);
    }

    [Fact]
    public void Removes_the_rules_and_the_kill_switch_of_a_killed_client()
    {
        var before = State();
        using (Victim.Start("client"))
            Assert.NotEqual(before, State());
        Assert.NotEqual(before, State());

        var report = StateSweep.Run();

        Assert.Equal(before, State());
        Assert.Equal(6, report.Removed.Count);
    }

    [Fact]
    public void Leaves_the_kill_switch_closed_that_the_next_node_is_about_to_take_over()
    {
        var before = State();
        using (Victim.Start("client"))
            Assert.NotEqual(before, State());

        var report = StateSweep.Run(closed: "victim0");

        Assert.Equal(5, report.Removed.Count);
        Assert.Contains("macrovpn_victim0_guard", State());
        Assert.Equal(["firewall table macrovpn_victim0_guard"], StateSweep.Run().Removed);
        Assert.Equal(before, State());
    }

    [Fact]
    public void Leaves_what_belongs_to_a_running_node()
    {
        using (Victim.Start("client"))
        {
            var before = State();

            var report = StateSweep.Run();

            Assert.Empty(report.Removed);
            Assert.Equal(before, State());
        }
        StateSweep.Run();
    }

    [Fact]
    public void Leaves_the_tables_and_rules_of_others()
    {
        Shell("nft add table inet mine; ip rule add fwmark 9 table 99 priority 500 protocol 4");
        try
        {
            Assert.Empty(StateSweep.Run().Removed);
        }
        finally
        {
            Shell("nft delete table inet mine; ip rule del priority 500");
        }
    }

    /// <summary>All that a node may change, except what the kernel adds by itself to an address, some time after.</summary>
    internal static string State() => Shell(
        "nft list ruleset; ip rule; ip -6 rule; ip -4 route show table all; ip -6 route show table all | grep -Ev 'fe80|^local|^anycast|^multicast'; ip -o link | sed 's/^[0-9]*: //'; sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding net.ipv4.conf.all.src_valid_mark");
}
