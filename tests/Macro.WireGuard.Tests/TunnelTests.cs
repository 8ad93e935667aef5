namespace Macro.WireGuard.Tests;

public class TunnelTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_first_packet_makes_a_session_and_arrives(bool presharedKeys)
    {
        var pair = new Pair(presharedKeys: presharedKeys);

        pair.Alice.Send(1, 2, 3);
        pair.Run(1);

        var packet = Assert.Single(pair.Bob.Delivered);
        Assert.Equal([1, 2, 3, .. new byte[13]], packet);
        Assert.Equal(1, pair.Alice.CountSent(MessageType.Initiation));
        Assert.Equal(1, pair.Bob.CountSent(MessageType.Response));
        Assert.Equal(TunnelEventKind.SessionEstablished, Assert.Single(pair.Bob.Events).Kind);
    }
}
