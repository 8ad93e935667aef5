namespace Macro.Core;

/// <summary>
/// A network device that carries IP packets (a TUN device, or a program's own stack). Calls are by batch; the
/// implementation uses offloads where there are any and hides them: what crosses here are whole IP packets.
/// </summary>
public interface ITun : IDisposable
{
    /// <summary>Interface name, e.g. "wg0".</summary>
    string Name { get; }

    /// <summary>Inner MTU in bytes; follows the device.</summary>
    int Mtu { get; }

    /// <summary>
    /// Waits for at least one packet and takes what is there, each with <paramref name="headroom"/> free bytes before and
    /// <paramref name="tailroom"/> after it. False when the device is gone or closed.
    /// </summary>
    bool Read(PacketBatch batch, int headroom, int tailroom);

    /// <summary>As <see cref="Read"/>, but without waiting: false when nothing is there. By one thread at a time.</summary>
    bool TryRead(PacketBatch batch, int headroom, int tailroom);

    /// <summary>Waits until there may be something to read, here or at the port, if there is one. False when the device is gone or closed.</summary>
    bool Wait(IUdp? port = null);

    /// <summary>Ends the <see cref="Wait"/> that goes on, or else the next one. Any thread.</summary>
    void Wake();

    /// <summary>Hands all packets of the batch to the kernel; packets that it refuses are dropped. May change their bytes.</summary>
    void Write(PacketBatch batch);
}

/// <summary>One UDP port on IPv4 and IPv6, by batch.</summary>
public interface IUdp : IDisposable
{
    /// <summary>The bound port.</summary>
    ushort Port { get; }

    /// <summary>Waits for at least one datagram and takes what is there. False when the socket was closed.</summary>
    bool Receive(PacketBatch batch);

    /// <summary>As <see cref="Receive"/>, but without waiting: the batch is empty when nothing is there.</summary>
    bool TryReceive(PacketBatch batch);

    /// <summary>Sends every slot to its <see cref="PacketSlot.Remote"/>, in order. What cannot be sent is dropped.</summary>
    void Send(PacketBatch batch);
}
