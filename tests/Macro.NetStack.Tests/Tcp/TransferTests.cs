namespace Macro.NetStack.Tests;

public class TransferTests
{
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(10, 0, 0)]
    [InlineData(10, 0.01, 0)]
    [InlineData(50, 0.01, 0.02)]
    [InlineData(150, 0, 0.05)]
    public void Bytes_arrive_in_order_and_both_sides_close(int rtt, double loss, double reordering)
    {
        var pair = new Pair(new LinkShape { Delay = TimeSpan.FromMilliseconds(rtt / 2.0), Loss = loss, Reordering = reordering });
        pair.Client.ToWrite = 5_000_000;
        pair.Server.ToWrite = 1_000_000;

        pair.RunUntil(() => pair.Client.Connection.IsClosed && pair.Server.Connection is { IsClosed: true }, TimeSpan.FromMinutes(5));

        Assert.Equal((1_000_000, 5_000_000), (pair.Client.Read, pair.Server.Read));
        Assert.Equal((TcpFailure.None, TcpFailure.None), (pair.Client.Connection.Failure, pair.Server.Connection.Failure));
        Assert.Equal(0, pair.Memory.Used);
    }
}
