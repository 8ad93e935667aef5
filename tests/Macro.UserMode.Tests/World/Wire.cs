using Macro.Core;

namespace Macro.UserMode.Tests;

/// <summary>One direction of a circuit: packets that one stack sends are written to the other by a pump thread of their own.</summary>
sealed class Wire : IDisposable
{
    /// <summary>As a socket's buffer: what does not fit is lost. Made once, so that tests can count what is allocated.</summary>
    const int MostPackets = 4096;
    const int MostBytes = 1500;

    readonly object _gate = new();
    readonly byte[] _packets = new byte[MostPackets * MostBytes];
    readonly int[] _lengths = new int[MostPackets];
    readonly PacketBatch _batch = new(512 * 1024, 256);
    readonly Thread _thread;
    HostedStack? _to;
    int _first;
    int _count;
    bool _cut;
    bool _stopping;

    internal Wire(string name)
    {
        _thread = new Thread(Pump) { IsBackground = true, Name = name };
    }

    internal long Lost { get; private set; }

    /// <summary>Nothing passes any more.</summary>
    internal void Cut()
    {
        lock (_gate)
            _cut = true;
    }

    internal void Start(HostedStack to)
    {
        _to = to;
        _thread.Start();
    }

    internal void Send(PacketBatch batch)
    {
        lock (_gate)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                if (_cut || _count == MostPackets)
                {
                    Lost++;
                    continue;
                }
                var slot = (_first + _count++) % MostPackets;
                _lengths[slot] = batch[i].Length;
                batch.Bytes(i).CopyTo(_packets.AsSpan(slot * MostBytes, MostBytes));
            }
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

    void Pump()
    {
        while (Gather())
            _to!.Write(_batch);
    }

    bool Gather()
    {
        _batch.Clear();
        lock (_gate)
        {
            while (_count == 0 && !_stopping)
                Monitor.Wait(_gate);
            while (_count > 0 && _batch.TryCopy(_packets.AsSpan(_first * MostBytes, _lengths[_first]), default))
                (_first, _count) = ((_first + 1) % MostPackets, _count - 1);
            return !_stopping;
        }
    }
}
