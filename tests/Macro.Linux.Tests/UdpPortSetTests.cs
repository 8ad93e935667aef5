using Macro.Core;
using static Macro.Linux.Tests.PrivateNetwork;

namespace Macro.Linux.Tests;

[Collection(nameof(Alone))]
public sealed class UdpPortSetTests
{
    readonly PacketBatch _sent = new(2048, 1), _received = new(64 * 1024, 64);

    public UdpPortSetTests() => Require();

    [Fact]
    public void One_reader_gets_what_comes_to_any_of_the_ports_until_they_are_disposed()
    {
        var options = new UdpOptions { Offload = false };
        using var set = new UdpPortSet();
        using var from = UdpPort.Bind(0, options);
        var ports = Enumerable.Range(0, 40).Select(_ => UdpPort.Bind(0, options)).ToList();
        Assert.All(ports, port => Assert.True(set.TryAdd(port)));

        foreach (var port in ports)
        {
            _sent.Clear();
            _sent.TryCopy("hello"u8, new Endpoint(IpAddress.V4Loopback, port.Port));
            from.Send(_sent);
            Assert.True(set.Receive(_received, out var to));
            Assert.Same(port, to);
            Assert.Equal(1, _received.Count);
            port.Dispose();
        }

        var reader = new Thread(() => Assert.False(set.Receive(_received, out _)));
        reader.Start();
        set.Dispose();
        reader.Join();
    }
}
