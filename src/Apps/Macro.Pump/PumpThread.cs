using Macro.Core;
using Macro.Linux;

namespace Macro.Pump;

/// <summary>
/// A thread that moves packets: it waits for a batch at one device, has a plane work on it, and writes the results, all
/// before it waits again. A queue in between would cost more than it hides. It ends when its device is disposed or gone.
/// </summary>
public sealed class PumpThread
{
    // Eight datagrams of 64 KiB as the kernel joins them, of 64 parts each: what fits a second-level cache.
    public const int ReceiveBytes = 8 * 64 * 1024;
    const int ReceiveSlots = 8 * 64;

    // Two packets of 64 KiB as the kernel passes them, cut to 1420 bytes with room around, and some small ones; or
    // as many small ones as there are slots, each with the room of a full one, for circuits of constant size.
    public const int ReadBytes = 192 * 1024;

    // Longer than a program's: who waits for what a pump has passed reads it at once, not when it has filled the socket.
    static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(5);

    readonly Thread _thread;

    /// <param name="run">One loop that ends when its device is disposed or gone.</param>
    public PumpThread(string name, Action run)
    {
        _thread = new Thread(Run, 512 * 1024) { IsBackground = true, Name = name };
        _thread.Start();

        void Run()
        {
            Scheduling.Slice = s_slice;
            run();
        }
    }

    /// <summary>Most datagrams that a <see cref="DatagramHandler"/> gets at once.</summary>
    public static int MostDatagrams => ReceiveSlots;

    /// <summary>Most packets that a <see cref="PacketHandler"/> gets at once.</summary>
    public const int MostPackets = 128;

    /// <summary>
    /// Sockets, and so pumps, that a UDP port should have: one on two processors, where more would only take turns; half
    /// of the processors else, for the other half works in the kernel's network stack and on the TUN devices.
    /// </summary>
    public static int PumpsFor(int processors) => Math.Clamp(processors / 2, 1, 32);

    /// <summary>Waits until the thread has ended, which it does once its device is disposed.</summary>
    public void Join()
    {
        if (Thread.CurrentThread != _thread)
            _thread.Join();
    }
}
