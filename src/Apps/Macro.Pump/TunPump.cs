using Macro.Core;
using Macro.Linux;

namespace Macro.Pump;

/// <summary>Turns packets from the TUN into datagrams to go out, over the same memory.</summary>
public delegate void PacketHandler(PacketBatch fromTun, PacketBatch toUdp, Instant now);

/// <summary>
/// The way from a TUN device to the UDP port, with a thread that waits at the device. While little comes it waits at a port, too, in
/// place of that one's <see cref="UdpPump"/>: then a datagram wakes one thread, which finds at the device what the kernel answers
/// to it, and no other. A stream, either way, has a thread for each direction.
/// </summary>
public sealed class TunPump
{
    /// <summary>So few at once are no stream.</summary>
    public const int Few = 4;

    // Where there was no stream for so long, little comes.
    static readonly TimeSpan s_calm = TimeSpan.FromMilliseconds(50);

    readonly PacketBatch _fromTun = new(PumpThread.ReadBytes, PumpThread.MostPackets);
    readonly PacketBatch _toUdp;
    readonly ITun _tun;
    readonly Func<IUdp?> _udp;
    readonly PacketHandler _plane;
    readonly BootClock _clock;
    readonly int _headroom, _tailroom;
    readonly Action? _ended;
    readonly PumpThread _thread;
    UdpPump? _taken;
    long _calmAt;
    volatile bool _isOver;

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

    /// <summary>
    /// Waits at that port from now on, unless there is a stream or it waits at another one. The port's thread, which asks after each batch,
    /// must leave it alone until it is given back.
    /// </summary>
    internal bool TryTakeOver(UdpPump port, int datagrams, Instant now)
    {
        Note(datagrams, now);
        if (!IsCalm(now) || Interlocked.CompareExchange(ref _taken, port, null) is not null)
            return false;
        if (_isOver)
            GiveBack();
        else
            _tun.Wake();
        return true;
    }

    /// <inheritdoc cref="PumpThread.Join"/>
    public void Join() => _thread.Join();

    void Run()
    {
        bool hasPassed;
        do
        {
            var now = _clock.Now;
            hasPassed = PassTun(now) | PassUdp(now);
            if (!IsCalm(now))
                GiveBack();
        }
        while (hasPassed || _tun.Wait(Volatile.Read(ref _taken)?.Port));
        _isOver = true;
        GiveBack();
        _ended?.Invoke();
    }

    bool PassTun(Instant now)
    {
        if (!_tun.TryRead(_fromTun, _headroom, _tailroom))
            return false;
        Note(_fromTun.Count, now);
        _toUdp.Clear();
        _plane(_fromTun, _toUdp, now);
        if (_toUdp.Count > 0)
            _udp()?.Send(_toUdp);
        return true;
    }

    bool PassUdp(Instant now)
    {
        if (Volatile.Read(ref _taken) is not { } port)
            return false;
        if (!port.TryPass(now, out var datagrams))
            GiveBack();
        Note(datagrams, now);
        return datagrams > 0;
    }

    void Note(int packets, Instant now)
    {
        if (packets > Few)
            Volatile.Write(ref _calmAt, (now + s_calm).Ticks);
    }

    bool IsCalm(Instant now) => now.Ticks >= Volatile.Read(ref _calmAt);

    void GiveBack() => Interlocked.Exchange(ref _taken, null)?.GiveBack();
}
