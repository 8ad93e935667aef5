using Macro.Core;
using Macro.Linux;

namespace Macro.Pump.Tests;

public sealed class PumpThreadTests
{
    [Fact]
    public void Turns_datagrams_round_and_ends_when_the_port_is_disposed()
    {
        var port = UdpPort.Bind(0);
        using var client = UdpPort.Bind(0);
        var pump = PumpThread.FromUdp(port, tun: null, Echo, new BootClock());
        var batch = new PacketBatch(64 * 1024, 64);
        for (var i = 0; i < 10; i++)
            batch.TryCopy([(byte)i, 1, 2, 3], new Endpoint(IpAddress.V4Loopback, port.Port));
        client.Send(batch);

        var received = new PacketBatch(512 * 1024, 512);
        for (var seen = 0; seen < 10;)
        {
            Assert.True(client.Receive(received));
            for (var i = 0; i < received.Count; i++)
                Assert.Equal(seen++, received.Bytes(i)[0]);
        }
        port.Dispose();
        pump.Join();
    }

    static void Echo(PacketBatch received, PacketBatch toTun, PacketBatch toUdp, Instant now)
    {
        foreach (ref readonly var slot in received.Slots)
            toUdp.TryAdd(slot.Offset, slot.Length, slot.Remote);
    }
}
