using Macro.Core;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

public class InitialSequenceTests
{
    static readonly FlowKey s_flow = new(Endpoint.Parse("10.0.0.1:1000"), Endpoint.Parse("10.0.0.2:80"));

    [Fact]
    public void The_number_of_a_flow_grows_by_one_every_four_microseconds()
    {
        var sequence = new InitialSequence(new SeededRandom(1));
        var first = sequence.Next(s_flow, Instant.UnixEpoch);

        Assert.Equal(250_000u, sequence.Next(s_flow, Instant.UnixEpoch + TimeSpan.FromSeconds(1)) - first);
    }

    [Fact]
    public void Other_flows_and_other_keys_have_unrelated_numbers()
    {
        var sequence = new InitialSequence(new SeededRandom(1));
        var other = s_flow with { Local = Endpoint.Parse("10.0.0.1:1001") };

        Assert.NotEqual(sequence.Next(s_flow, Instant.UnixEpoch), sequence.Next(other, Instant.UnixEpoch));
        Assert.NotEqual(sequence.Next(s_flow, Instant.UnixEpoch), new InitialSequence(new SeededRandom(2)).Next(s_flow, Instant.UnixEpoch));
    }
}
