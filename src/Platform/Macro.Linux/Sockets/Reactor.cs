using System.Runtime.InteropServices;
using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// Tells when sockets become ready: one epoll instance, edge-triggered, each socket registered once for everything. One
/// thread waits; then it takes the lock of the sockets' owner and dispatches. In between sockets may close and new ones
/// take their places: the number that each registration bears keeps an event from reaching a stranger.
/// </summary>
public sealed unsafe class Reactor : IDisposable
{
    const int MostEvents = 256;
    const uint Everything = Interop.EPOLLIN | Interop.EPOLLOUT | Interop.EPOLLRDHUP | Interop.EPOLLET;
    const ulong WakeToken = ulong.MaxValue;

    readonly FileDescriptor _epoll = Interop.EpollCreate(Interop.EPOLL_CLOEXEC).Checked("make an epoll instance");
    readonly FileDescriptor _wake = Interop.EventFd(0, Interop.EFD_CLOEXEC | Interop.EFD_NONBLOCK).Checked("make an eventfd");
    readonly byte[] _events = GC.AllocateArray<byte>(MostEvents * Interop.EpollEventSize, pinned: true);
    Registration[] _slots = new Registration[64];
    int _firstFree = -1;
    int _used;
    int _waiting;
    int _woken;

    struct Registration
    {
        internal IReactive? Handler;
        internal uint Number;
        internal int NextFree;
    }

    public Reactor() => Interop.Check(Control(Interop.EPOLL_CTL_ADD, _wake, Interop.EPOLLIN, WakeToken), "watch an eventfd");

    /// <summary>Sockets that are watched.</summary>
    public int Count { get; private set; }

    /// <summary>
    /// Watches a socket until it is closed. Its state at this moment is reported as the first change. Under the owner's lock.
    /// </summary>
    /// <returns>False when the kernel has no room for another registration.</returns>
    public bool TryWatch(ReactorSocket socket, IReactive handler)
    {
        ArgumentNullException.ThrowIfNull(socket);
        ArgumentNullException.ThrowIfNull(handler);
        if (socket.Watcher == this)
        {
            _slots[socket.WatchSlot].Handler = handler;
            return true;
        }
        var slot = TakeSlot(handler);
        if (Control(Interop.EPOLL_CTL_ADD, socket.Descriptor, Everything, Token(slot)) < 0)
        {
            FreeSlot(slot);
            return false;
        }
        (socket.Watcher, socket.WatchSlot) = (this, slot);
        Count++;
        return true;
    }

    /// <summary>Waits for changes, for <see cref="Wake"/> or for the time to pass, and holds what it found for <see cref="Dispatch"/>.</summary>
    /// <param name="longest">Rounded up to milliseconds: a wait that ends a moment early would be repeated at once.</param>
    public void Wait(TimeSpan longest)
    {
        var milliseconds = longest <= TimeSpan.Zero ? 0 : (int)Math.Ceiling(Math.Min(longest.TotalMilliseconds, 1e9));
        int found;
        fixed (byte* events = _events)
            found = Interop.EpollWait(_epoll, events, MostEvents, milliseconds);
        // Interrupted by a signal: nothing found, and the caller comes again.
        _waiting = Math.Max(found, 0);
    }

    /// <summary>Tells the handlers what <see cref="Wait"/> found. Under the owner's lock, on the thread that waited.</summary>
    public void Dispatch()
    {
        for (var i = 0; i < _waiting; i++)
        {
            var entry = _events.AsSpan(i * Interop.EpollEventSize, Interop.EpollEventSize);
            var token = MemoryMarshal.Read<ulong>(entry[Interop.EpollDataOffset..]);
            if (token == WakeToken)
            {
                // In this order: cleared first, a wake in between would be read away and the flag stay up for ever.
                ulong count;
                _ = Interop.Read(_wake, &count, sizeof(ulong));
                Interlocked.Exchange(ref _woken, 0);
                continue;
            }
            ref var slot = ref _slots[(int)(uint)token];
            if (slot.Number == (uint)(token >> 32))
                slot.Handler?.HandleReady((Readiness)MemoryMarshal.Read<uint>(entry));
        }
        _waiting = 0;
    }

    /// <summary>
    /// Ends the current or the next wait. Any thread; nothing after the end. What the waiter is to see must be there before:
    /// it looks after it has dispatched.
    /// </summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _woken, 1) != 0)
            return;
        try
        {
            ulong one = 1;
            _ = Interop.Write(_wake, &one, sizeof(ulong));
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    /// <summary>After the last wait. The sockets stay open: they are their owners'.</summary>
    public void Dispose()
    {
        _epoll.Dispose();
        _wake.Dispose();
    }

    internal void Forget(ReactorSocket socket)
    {
        socket.Watcher = null;
        FreeSlot(socket.WatchSlot);
        Count--;
        // A descriptor that a child process inherited would stay registered beyond its closing.
        if (!_epoll.IsClosed)
            _ = Interop.EpollControl(_epoll, Interop.EPOLL_CTL_DEL, socket.Descriptor, null);
    }

    ulong Token(int slot) => (ulong)_slots[slot].Number << 32 | (uint)slot;

    int TakeSlot(IReactive handler)
    {
        var slot = _firstFree;
        if (slot >= 0)
            _firstFree = _slots[slot].NextFree;
        else
        {
            if (_used == _slots.Length)
                Array.Resize(ref _slots, 2 * _slots.Length);
            slot = _used++;
        }
        _slots[slot].Handler = handler;
        return slot;
    }

    void FreeSlot(int slot)
    {
        ref var entry = ref _slots[slot];
        entry.Handler = null;
        entry.Number++;
        entry.NextFree = _firstFree;
        _firstFree = slot;
    }

    int Control(int operation, FileDescriptor target, uint events, ulong token)
    {
        var entry = stackalloc byte[16];
        MemoryMarshal.Write(new Span<byte>(entry, 16), events);
        MemoryMarshal.Write(new Span<byte>(entry + Interop.EpollDataOffset, 8), token);
        return Interop.EpollControl(_epoll, operation, target, entry);
    }
}
