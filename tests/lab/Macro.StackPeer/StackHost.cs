using Macro.Core;
using Macro.Linux;
using Macro.NetStack;
using Macro.UserMode;

namespace Macro.StackPeer;

/// <summary>Our stack behind a TUN interface: one thread reads packets from the kernel, the loop's thread does the rest.</summary>
sealed class StackHost : IDisposable
{
    const int Slots = 128;

    readonly TunDevice _tun;
    readonly Thread _reader;

    public StackHost(string tun, IpAddress address, long budget = 256 << 20)
    {
        WarmUp.Run();
        _tun = TunDevice.Create(tun);
        Memory = new TcpMemory(budget);
        Loop = new StackLoop("stack", Clock, Memory);
        Loop.Start();
        var stack = new Stack(new StackOptions { Addresses = [address], Mtu = _tun.Mtu }, Memory, new SystemRandom());
        Hosted = Loop.Add(stack, _tun.Write, headroom: 0, tailroom: 0);
        _reader = new Thread(Read) { IsBackground = true, Name = "tun" };
        _reader.Start();
    }

    public BootClock Clock { get; } = new();
    public TcpMemory Memory { get; }
    public StackLoop Loop { get; }
    public HostedStack Hosted { get; }

    public void Dispose()
    {
        Loop.Dispose();
        _tun.Dispose();
    }

    void Read()
    {
        var batch = new PacketBatch(Slots * 2048, Slots);
        while (_tun.Read(batch, headroom: 0, tailroom: 0))
            Hosted.Write(batch);
    }
}
