namespace Macro.Linux;

/// <summary>
/// Waits until a descriptor is readable, or until another thread wants its attention: for once (<see cref="Nudge"/>), or once and for all
/// (<see cref="Stop"/>).
/// </summary>
sealed unsafe class WakeUp : IDisposable
{
    readonly FileDescriptor _event = Interop.EventFd(0, Interop.EFD_CLOEXEC | Interop.EFD_NONBLOCK).Checked("make an eventfd");
    volatile bool _stopped;

    internal bool Stopped => _stopped;

    /// <summary>False when stopped, or when the descriptor reports an error or hang-up.</summary>
    /// <param name="beside">Another one to wait for. That it is closed, or in error, ends the wait as if it were readable.</param>
    /// <exception cref="ObjectDisposedException">The first was closed before.</exception>
    internal bool WaitReadable(FileDescriptor source, FileDescriptor? beside = null)
    {
        bool holdsSource = false, holdsEvent = false, holdsBeside = false;
        try
        {
            source.DangerousAddRef(ref holdsSource);
            _event.DangerousAddRef(ref holdsEvent);
            try
            {
                beside?.DangerousAddRef(ref holdsBeside);
            }
            catch (ObjectDisposedException)
            {
                return true;
            }
            return Poll(source.Number, beside?.Number ?? -1);
        }
        finally
        {
            if (holdsSource)
                source.DangerousRelease();
            if (holdsEvent)
                _event.DangerousRelease();
            if (holdsBeside)
                beside!.DangerousRelease();
        }
    }

    /// <summary>Ends the wait that goes on, or else the next one.</summary>
    internal void Nudge()
    {
        ulong one = 1;
        _ = Interop.Write(_event, &one, sizeof(ulong));
    }

    internal void Stop()
    {
        _stopped = true;
        Nudge();
    }

    public void Dispose() => _event.Dispose();

    bool Poll(int source, int beside)
    {
        var all = stackalloc Interop.PollDescriptor[3];
        while (!_stopped)
        {
            all[0] = new() { Fd = source, Events = Interop.POLLIN };
            all[1] = new() { Fd = _event.Number, Events = Interop.POLLIN };
            // The kernel passes over a negative one.
            all[2] = new() { Fd = beside, Events = Interop.POLLIN };
            if (Interop.Poll(all, 3, -1) < 0)
                continue;
            if ((all[0].Returned & (Interop.POLLERR | Interop.POLLHUP | Interop.POLLNVAL)) != 0)
                return false;
            ulong nudges;
            if (all[1].Returned != 0 && !_stopped)
                _ = Interop.Read(_event, &nudges, sizeof(ulong));
            return !_stopped;
        }
        return false;
    }
}
