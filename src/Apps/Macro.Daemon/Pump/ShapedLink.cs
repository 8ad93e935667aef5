using Macro.Circuits;
using Macro.Core;
using Macro.Linux;
using Macro.Pump;

namespace Macro.Daemon.Pump;

/// <summary>
/// A way out that holds a rate: pump threads send what the rate allows at once, and a thread of its own sends what had to wait.
/// Whatever is sent, is sent under its lock, so that nothing overtakes.
/// </summary>
sealed class ShapedLink : IDisposable
{
    static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(1);

    readonly object _gate = new();
    readonly Shaper _shaper;
    readonly Action<PacketBatch> _send;
    readonly BootClock _clock;
    readonly PacketBatch _due = new(PumpThread.ReadBytes, PumpThread.MostPackets);
    readonly PumpThread _thread;
    readonly int _headroom, _tailroom;
    bool _stopping;

    /// <param name="send">Called by one thread at a time.</param>
    /// <param name="headroom">Bytes that it wants free before each packet, and <paramref name="tailroom"/> behind it.</param>
    public ShapedLink(string name, long bitsPerSecond, PacketSorter sorter, Action<PacketBatch> send, BootClock clock, int headroom = 0, int tailroom = 0)
    {
        (_send, _clock, _headroom, _tailroom) = (send, clock, headroom, tailroom);
        _shaper = new Shaper(bitsPerSecond, sorter, clock.Now);
        _thread = new PumpThread(name, Run);
    }

    /// <summary>Sends the batch, now or later; what must wait is taken out of it. Any thread.</summary>
    public void Send(PacketBatch batch)
    {
        lock (_gate)
        {
            var waited = _shaper.Count;
            _shaper.Pass(batch, _clock.Now);
            if (batch.Count > 0)
                _send(batch);
            if (waited == 0 && _shaper.Count > 0)
                Monitor.Pulse(_gate);
        }
    }

    /// <summary>Another rate from now on. Any thread.</summary>
    public void Change(long bitsPerSecond)
    {
        lock (_gate)
        {
            _shaper.Change(bitsPerSecond, _clock.Now);
            Monitor.Pulse(_gate);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }
        _thread.Join();
    }

    void Run()
    {
        lock (_gate)
        {
            while (!_stopping)
            {
                var now = _clock.Now;
                _due.Clear();
                if (_shaper.TryTake(_due, now, _headroom, _tailroom))
                {
                    _send(_due);
                    continue;
                }
                var wait = _shaper.NextTimeout(now) - now;
                Monitor.Wait(_gate, (int)Math.Ceiling(Math.Clamp(wait.TotalMilliseconds, 0, s_longestWait.TotalMilliseconds)));
            }
        }
    }
}
