using Macro.Core;

namespace Macro.Engine.Tests;

/// <summary>One TCP connection over several paths to the same exit.</summary>
public class MultipathTests
{
    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    // What a Mbit/s of a path carries of a connection: headers of two layers, of IP and TCP.
    const double Carried = 1268.0 / (1268 + 40 + 12 + 8 + 2 * 40 + 28);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_equal_paths_carry_one_connection_as_one_of_twice_the_rate(bool download)
    {
        var transfer = Started(900, download, (20, 20, 60), (20, 20, 60));
        Assert.InRange(transfer.Measure(20 * s_second), 0.85 * 40 * Carried, 40);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Three_paths_carry_as_much_as_three(bool download)
    {
        var transfer = Started(901, download, (20, 20, 60), (20, 24, 60), (20, 28, 60));
        Assert.InRange(transfer.Measure(20 * s_second), 0.85 * 60 * Carried, 60);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Round_trips_of_20_and_80_ms_cost_less_than_a_third(bool download)
    {
        var transfer = Started(902, download, (20, 20, 60), (20, 80, 60));
        // Until the connection has grown that far: it left slow start when the first path was full.
        transfer.Measure(10 * s_second);
        Assert.InRange(transfer.Measure(20 * s_second), 0.7 * 40 * Carried, 40);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void A_path_that_dies_costs_no_connection(bool download, bool first)
    {
        var transfer = Started(903, download, (20, 20, 60), (20, 24, 60));
        transfer.Measure(5 * s_second);
        transfer.Kill(first ? transfer.First : 1 - transfer.First);
        transfer.Measure(3 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.85 * 20 * Carried, 20);
        Assert.False(transfer.IsBroken);
    }

    [Theory]
    [InlineData(true, true, 0.01)]
    [InlineData(true, false, 0.03)]
    [InlineData(true, true, 0.1)]
    [InlineData(true, false, 0.2)]
    [InlineData(false, true, 0.01)]
    [InlineData(false, false, 0.03)]
    [InlineData(false, true, 0.1)]
    [InlineData(false, false, 0.2)]
    public void A_path_that_loses_packets_is_left_within_seconds(bool download, bool first, double share)
    {
        var transfer = Started(912, download, (20, 40, 60), (20, 40, 60));
        transfer.Measure(8 * s_second);
        transfer.Lose(first ? transfer.First : 1 - transfer.First, share);
        transfer.Measure(10 * s_second);
        Assert.InRange(transfer.Measure(8 * s_second), 0.85 * 20 * Carried, 20);
        Assert.False(transfer.IsBroken);
    }

    [Theory]
    [InlineData(true, 80)]
    [InlineData(true, 60)]
    [InlineData(false, 80)]
    [InlineData(false, 60)]
    public void Short_queues_of_different_paths_leave_what_one_path_carries(bool download, double far)
    {
        var transfer = Started(913, download, (20, 20, 15), (20, far, 15));
        transfer.Measure(3 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.85 * 20 * Carried, 40);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_full_path_is_no_lost_one(bool download)
    {
        var transfer = Started(911, download, (20, 20, 60), (20, 80, 60));
        transfer.Measure(20 * s_second);
        Assert.Equal(0, transfer.Circuit.Reroutes);
    }

    [Fact]
    public void A_relay_that_comes_back_is_used_again()
    {
        var transfer = Started(904, download: true, (2, 20, 100), (2, 24, 100));
        var other = 1 - transfer.First;
        transfer.Kill(other);
        transfer.Measure(10 * s_second);
        Assert.False(transfer.HasAllPaths);
        transfer.Revive(other);
        // It still holds the session's index for the path before, until it forgets a client who is silent for three minutes.
        transfer.World.RunUntil(() => transfer.HasAllPaths, 200 * s_second);
        transfer.Measure(20 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.8 * 4 * Carried, 4);
    }

    /// <summary>The client's session with it is renewed as after any silence, and it knows no way to the exit.</summary>
    [Theory]
    [InlineData(true, 20)]
    [InlineData(true, 26)]
    [InlineData(true, 32)]
    [InlineData(true, 38)]
    [InlineData(false, 20)]
    [InlineData(false, 26)]
    [InlineData(false, 32)]
    [InlineData(false, 38)]
    public void A_path_whose_relay_starts_again_with_nothing_carries_when_the_first_dies(bool download, int before)
    {
        var transfer = Started(909, download, (5, 20, 100), (5, 24, 100));
        transfer.Measure(before * s_second);
        var other = 1 - transfer.First;
        transfer.Kill(other);
        transfer.Measure(8 * s_second);
        transfer.Restart(other);
        transfer.Measure(15 * s_second);
        transfer.World.RunUntil(() => transfer.HasAllPaths, 45 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.8 * 10 * Carried, 10);
        transfer.Kill(1 - other);
        transfer.Measure(2 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.8 * 5 * Carried, 5);
        Assert.False(transfer.IsBroken);
    }

    /// <summary>Its session is renewed for its age between two probes, which both find an answer.</summary>
    [Theory]
    [InlineData(true, 96)]
    [InlineData(true, 102)]
    [InlineData(true, 108)]
    [InlineData(true, 114)]
    [InlineData(true, 119)]
    [InlineData(false, 96)]
    [InlineData(false, 102)]
    [InlineData(false, 108)]
    [InlineData(false, 114)]
    [InlineData(false, 119)]
    public void A_relay_that_starts_again_while_nothing_goes_by_it_is_used_afterwards(bool first, int before)
    {
        var transfer = new Transfer(910, (5, 20, 100), (5, 24, 100));
        var circuit = transfer.Circuit;
        transfer.World.Run(before * s_second);
        transfer.Restart(first ? transfer.First : 1 - transfer.First);
        transfer.World.Run(60 * s_second);
        transfer.Begin(download: true);
        transfer.Measure(5 * s_second);
        Assert.InRange(transfer.Measure(10 * s_second), 0.8 * 10 * Carried, 10);
        Assert.Same(circuit, transfer.Circuit);
    }

    [Fact]
    public void A_session_that_is_renewed_goes_on_by_all_paths()
    {
        var transfer = Started(905, download: true, (2, 20, 100), (2, 24, 100));
        transfer.Measure(110 * s_second);
        Assert.InRange(transfer.Measure(20 * s_second), 0.8 * 4 * Carried, 4);
        Assert.False(transfer.IsBroken);
    }

    [Fact]
    public void More_packets_behind_a_gap_than_a_batch_holds_come_out_in_turn()
    {
        var transfer = new Transfer(907, (1000, 20, 60), (1000, 24, 60));
        transfer.World.RunUntil(() => transfer.HasAllPaths, 5 * s_second);
        var arrived = transfer.CountArrivals();
        for (var burst = 0; burst < 4; burst++)
        {
            var lost = false;
            transfer.World.Cut = (from, _) => from == transfer.Client.Endpoint && !lost && (lost = true);
            for (var i = 0; i <= 600; i++)
                transfer.Client.SendPacket(Packets.Udp(Packets.Client, IpAddress.Parse("203.0.114.7"), 4000, 9, [1]));
            transfer.World.Run(s_second);
        }
        Assert.Equal(4 * 600, arrived());
    }

    [Fact]
    public void A_circuit_of_several_paths_falls_idle_when_nothing_goes_by_it()
    {
        var transfer = new Transfer(908, (20, 20, 60), (20, 24, 60));
        transfer.World.RunUntil(() => transfer.HasAllPaths, 5 * s_second);
        var lastTraffic = transfer.Circuit.LastTraffic;
        transfer.World.Run(60 * s_second);
        Assert.Equal(lastTraffic, transfer.Circuit.LastTraffic);
        Assert.True(transfer.HasAllPaths);
    }

    [Fact]
    public void Four_paths_have_four_guards()
    {
        var transfer = Started(906, download: false, (20, 20, 60), (20, 20, 60), (20, 20, 60), (20, 20, 60));
        Assert.Equal(4, transfer.Circuit.Paths!.Paths.Select(path => path.Way[0].Target.Endpoint).Distinct().Count());
    }

    static Transfer Started(ulong seed, bool download, params (double, double, double)[] paths)
    {
        var transfer = new Transfer(seed, paths);
        transfer.World.RunUntil(() => transfer.HasAllPaths, 5 * s_second);
        transfer.Begin(download);
        transfer.Measure(2 * s_second);
        return transfer;
    }
}
