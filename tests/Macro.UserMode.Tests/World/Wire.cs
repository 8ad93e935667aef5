using Macro.Core;

namespace Macro.UserMode.Tests;

/// <summary>One direction of a circuit: packets that one stack sends are written to the other by a pump thread of their own.</summary>
sealed class Wire : IDisposable
{
    /// <summary>As a socket's buffer: what does not fit is lost.</summary>
    const int MostBytes = 4 << 20;

    readonly Queue<byte[]> _packets = new();
    readonly PacketBatch _batch = new(512 * 1024, 256);
    readonly Thread _thread;
    HostedStack? _to;
    int _bytes;
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
        lock (_packets)
            _cut = true;
    }

    internal void Start(HostedStack to)
    {
        _to = to;
        _thread.Start();
    }

    internal void Send(PacketBatch batch)
    {
        lock (_packets)
        {
            for (var i = 0; i < batch.Count; i++)
            {
                if (_cut || _bytes + batch[i].Length > MostBytes)
                {
                    Lost++;
                    continue;
                }
                _packets.Enqueue(batch.Bytes(i).ToArray());
                _bytes += batch[i].Length;
            }
            Monitor.Pulse(_packets);
        }
    }

    public void Dispose()
    {
        lock (_packets)
        {
            _stopping = true;
            Monitor.Pulse(_packets);
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
        lock (_packets)
        {
            while (_packets.Count == 0 && !_stopping)
                Monitor.Wait(_packets);
            while (_packets.TryPeek(out var packet) && _batch.TryCopy(packet, default))
                _bytes -= _packets.Dequeue().Length;
            return !_stopping;
        }
    }
}
