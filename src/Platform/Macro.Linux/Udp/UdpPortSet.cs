using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// Many UDP ports that one thread reads. Any thread adds, and removes by disposing the port; any thread disposes the set,
/// which wakes the reader and leaves the ports open: they are their owners'.
/// </summary>
public sealed unsafe class UdpPortSet : IDisposable
{
    const int MostEvents = 64;
    const ulong WakeToken = 0;

    readonly FileDescriptor _epoll = Interop.EpollCreate(Interop.EPOLL_CLOEXEC).Checked("make an epoll instance");
    readonly FileDescriptor _wake = Interop.EventFd(0, Interop.EFD_CLOEXEC | Interop.EFD_NONBLOCK).Checked("make an eventfd");
    readonly ConcurrentDictionary<ulong, UdpPort> _ports = new();
    readonly Queue<UdpPort> _ready = new();
    long _last;
    volatile bool _closed;

    public UdpPortSet() => Interop.Check(Control(Interop.EPOLL_CTL_ADD, _wake, WakeToken), "watch an eventfd");

    /// <returns>False when the kernel has no room for another registration.</returns>
    public bool TryAdd(UdpPort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        var token = (ulong)Interlocked.Increment(ref _last);
        _ports[token] = port;
        if (Control(Interop.EPOLL_CTL_ADD, port.Descriptor, token) >= 0)
            return true;
        _ports.TryRemove(token, out _);
        return false;
    }

    /// <summary>Waits for datagrams of any of the ports. False when the set was disposed.</summary>
    public bool Receive(PacketBatch batch, out UdpPort port)
    {
        ArgumentNullException.ThrowIfNull(batch);
        while (!_closed)
        {
            while (_ready.TryDequeue(out port!))
                if (port.TryReceive(batch) && batch.Count > 0)
                    return true;
            Wait();
        }
        port = null!;
        return false;
    }

    /// <summary>Forgets the ports that were disposed: the kernel has done so already.</summary>
    public void Sweep()
    {
        foreach (var (token, port) in _ports)
            if (port.IsDisposed)
                _ports.TryRemove(token, out _);
    }

    public void Dispose()
    {
        _closed = true;
        ulong one = 1;
        _ = Interop.Write(_wake, &one, sizeof(ulong));
    }

    /// <summary>After the reader has ended.</summary>
    public void Release()
    {
        _epoll.Dispose();
        _wake.Dispose();
    }

    void Wait()
    {
        var events = stackalloc byte[MostEvents * Interop.EpollEventSize];
        var found = Interop.EpollWait(_epoll, events, MostEvents, -1);
        for (var i = 0; i < found; i++)
        {
            var token = MemoryMarshal.Read<ulong>(new ReadOnlySpan<byte>(events + i * Interop.EpollEventSize + Interop.EpollDataOffset, sizeof(ulong)));
            if (_ports.TryGetValue(token, out var port))
                _ready.Enqueue(port);
        }
    }

    int Control(int operation, FileDescriptor target, ulong token)
    {
        var entry = stackalloc byte[16];
        MemoryMarshal.Write(new Span<byte>(entry, 16), Interop.EPOLLIN);
        MemoryMarshal.Write(new Span<byte>(entry + Interop.EpollDataOffset, 8), token);
        return Interop.EpollControl(_epoll, operation, target, entry);
    }
}
