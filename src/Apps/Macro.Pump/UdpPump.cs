using Macro.Core;
using Macro.Linux;

namespace Macro.Pump;

/// <summary>Turns datagrams that came in into packets for the TUN, over the same memory.</summary>
public delegate void DatagramHandler(PacketBatch received, PacketBatch toTun, Instant now);

/// <summary>
/// The way from a UDP port to a TUN device. It has a thread that waits at the port; while little comes, that of the <see cref="TunPump"/>
/// does it beside its own work, and this one sleeps.
/// </summary>
public sealed class UdpPump
{
    readonly PacketBatch _received = new(PumpThread.ReceiveBytes, PumpThread.MostDatagrams);
    readonly PacketBatch _toTun;
    readonly ITun _tun;
    readonly DatagramHandler _plane;
    readonly BootClock _clock;
    readonly TunPump _other;
    readonly object _gate = new();
    readonly PumpThread _thread;
    bool _isGivenBack;

    /// <param name="port">Read until it is disposed; not owned.</param>
    /// <param name="tun">Where packets go.</param>
    /// <param name="other">The way back.</param>
    public UdpPump(IUdp port, ITun tun, DatagramHandler plane, BootClock clock, TunPump other)
    {
        ArgumentNullException.ThrowIfNull(port);
        (Port, _tun, _plane, _clock, _other) = (port, tun, plane, clock, other);
        _toTun = new PacketBatch(_received, PumpThread.MostDatagrams);
        _thread = new PumpThread($"udp {port.Port}", Run);
    }

    internal IUdp Port { get; }

    /// <summary>Passes on what is there; how many datagrams that were. False when the port is closed.</summary>
    internal bool TryPass(Instant now, out int datagrams)
    {
        var isOpen = Port.TryReceive(_received);
        datagrams = _received.Count;
        if (datagrams > 0)
            Pass(now);
        return isOpen;
    }

    /// <summary>The port is its own thread's again.</summary>
    internal void GiveBack()
    {
        lock (_gate)
        {
            _isGivenBack = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <inheritdoc cref="PumpThread.Join"/>
    public void Join() => _thread.Join();

    void Run()
    {
        while (Port.Receive(_received))
        {
            var now = _clock.Now;
            var datagrams = _received.Count;
            Pass(now);
            if (_other.TryTakeOver(this, datagrams, now))
                AwaitReturn();
        }
    }

    void AwaitReturn()
    {
        lock (_gate)
        {
            while (!_isGivenBack)
                Monitor.Wait(_gate);
            _isGivenBack = false;
        }
    }

    void Pass(Instant now)
    {
        _toTun.Clear();
        _plane(_received, _toTun, now);
        if (_toTun.Count > 0)
            _tun.Write(_toTun);
    }
}
