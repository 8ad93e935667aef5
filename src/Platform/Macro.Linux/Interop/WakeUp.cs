namespace Macro.Linux;

/// <summary>
/// Waits until a descriptor is readable, or until <see cref="Stop"/> is called from another thread, once and for all.
/// </summary>
sealed unsafe class WakeUp : IDisposable
{
    readonly FileDescriptor _event = Interop.EventFd(0, Interop.EFD_CLOEXEC).Checked("make an eventfd");
    volatile bool _stopped;

    internal bool Stopped => _stopped;

    /// <summary>False when stopped, or when the descriptor reports an error or hang-up.</summary>
    /// <exception cref="ObjectDisposedException">One of the two was closed before.</exception>
    internal bool WaitReadable(FileDescriptor source)
    {
        bool holdsSource = false, holdsEvent = false;
        try
        {
            source.DangerousAddRef(ref holdsSource);
            _event.DangerousAddRef(ref holdsEvent);
            return Poll(source.Number);
        }
        finally
        {
            if (holdsSource)
                source.DangerousRelease();
            if (holdsEvent)
                _event.DangerousRelease();
        }
    }

    internal void Stop()
    {
        _stopped = true;
        ulong one = 1;
        _ = Interop.Write(_event, &one, sizeof(ulong));
    }

    public void Dispose() => _event.Dispose();

    bool Poll(int source)
    {
        var both = stackalloc Interop.PollDescriptor[2];
        while (!_stopped)
        {
            both[0] = new() { Fd = source, Events = Interop.POLLIN };
            both[1] = new() { Fd = _event.Number, Events = Interop.POLLIN };
            if (Interop.Poll(both, 2, -1) < 0)
                continue;
            if ((both[0].Returned & (Interop.POLLERR | Interop.POLLHUP | Interop.POLLNVAL)) != 0)
                return false;
            if ((both[0].Returned & Interop.POLLIN) != 0)
                return true;
        }
        return false;
    }
}
