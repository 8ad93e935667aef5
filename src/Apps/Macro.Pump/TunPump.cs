using Macro.Core;
using Macro.Linux;

namespace Macro.Pump;

/// <summary>Turns packets from the TUN into datagrams to go out, over the same memory.</summary>
public delegate void PacketHandler(PacketBatch fromTun, PacketBatch toUdp, Instant now);

/// <summary>
/// The way from a TUN device to the UDP port. It has a thread that waits at the device; but the kernel answers some packets, pings and
/// TCP segments among them, while they are written to it. Who wrote them may send the answers, too, which saves the time until this
/// thread wakes up. Only one thread at a time is on the way, so that packets stay in order.
/// </summary>
public sealed class TunPump
{
    readonly PacketBatch _fromTun = new(PumpThread.ReadBytes, PumpThread.MostPackets);
    readonly PacketBatch _toUdp;
    readonly ITun _tun;
    readonly Func<IUdp?> _udp;
    readonly PacketHandler _plane;
    readonly BootClock _clock;
    readonly int _headroom, _tailroom;
    readonly Action? _ended;
    readonly Lock _turn = new();
    readonly PumpThread _thread;
    volatile int _latest;

    /// <param name="tun">Read until it is disposed or gone; not owned.</param>
    /// <param name="udp">The port to send from, asked for each batch, as it may be bound anew; null drops the batch.</param>
    /// <param name="headroom">Bytes that the plane wants free before each packet, and <paramref name="tailroom"/> behind it.</param>
    /// <param name="ended">Called on the thread when the device is gone.</param>
    public TunPump(ITun tun, Func<IUdp?> udp, PacketHandler plane, BootClock clock, int headroom, int tailroom, Action? ended = null)
    {
        ArgumentNullException.ThrowIfNull(tun);
        (_tun, _udp, _plane, _clock, _headroom, _tailroom, _ended) = (tun, udp, plane, clock, headroom, tailroom, ended);
        _toUdp = new PacketBatch(_fromTun, PumpThread.MostPackets);
        _thread = new PumpThread($"{tun.Name} read", Run);
    }

    /// <summary>Passes on what waits at the device, unless its thread is at it or has a stream to pass on, which goes on beside this one.</summary>
    public void TryPass()
    {
        if (_latest > PumpThread.Few || !_turn.TryEnter())
            return;
        try
        {
            Pass();
        }
        finally
        {
            _turn.Exit();
        }
    }

    /// <inheritdoc cref="PumpThread.Join"/>
    public void Join() => _thread.Join();

    void Run()
    {
        do
        {
            lock (_turn)
                while (Pass())
                {
                }
        }
        while (_tun.Wait());
        _ended?.Invoke();
    }

    bool Pass()
    {
        if (!_tun.TryRead(_fromTun, _headroom, _tailroom))
            return false;
        _latest = _fromTun.Count;
        _toUdp.Clear();
        _plane(_fromTun, _toUdp, _clock.Now);
        if (_toUdp.Count > 0)
            _udp()?.Send(_toUdp);
        return true;
    }
}
