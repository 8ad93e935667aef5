namespace Macro.Circuits;

/// <summary>Room for a fixed number of waiting packets, and queues of them linked within: nothing is allocated per packet.</summary>
sealed class PacketPool
{
    const int None = -1;

    readonly QueuedPacket[] _packets;
    readonly int[] _next;
    int _free;

    public PacketPool(int packets)
    {
        _packets = new QueuedPacket[packets];
        _next = new int[packets];
        for (var i = 0; i < packets; i++)
            _next[i] = i + 1 < packets ? i + 1 : None;
    }

    public int Count { get; private set; }

    public bool IsFull => _free == None;

    /// <summary>First in, first out. A value that its owner keeps and passes by reference.</summary>
    public struct Queue()
    {
        internal int Head = None, Tail = None;

        public int Count { get; internal set; }

        public int Bytes { get; internal set; }
    }

    public ref readonly QueuedPacket Peek(in Queue queue) => ref _packets[queue.Head];

    /// <summary>The pool must not be full.</summary>
    public void Add(ref Queue queue, in QueuedPacket packet)
    {
        var place = _free;
        _free = _next[place];
        _packets[place] = packet;
        _next[place] = None;
        if (queue.Count == 0)
            queue.Head = place;
        else
            _next[queue.Tail] = place;
        queue.Tail = place;
        queue.Count++;
        queue.Bytes += packet.Bytes;
        Count++;
    }

    /// <summary>The queue must not be empty.</summary>
    public QueuedPacket Take(ref Queue queue)
    {
        var place = queue.Head;
        var packet = _packets[place];
        queue.Head = _next[place];
        queue.Count--;
        queue.Bytes -= packet.Bytes;
        _next[place] = _free;
        _free = place;
        Count--;
        return packet;
    }
}
