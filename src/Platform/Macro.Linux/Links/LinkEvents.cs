namespace Macro.Linux;

/// <summary>A doorbell that rings when any network link changes (rtnetlink, group RTMGRP_LINK).</summary>
sealed unsafe class LinkEvents : IDisposable
{
    readonly FileDescriptor _netlink = Interop.Socket(
        Interop.AF_NETLINK, Interop.SOCK_RAW | Interop.SOCK_CLOEXEC | Interop.SOCK_NONBLOCK, Interop.NETLINK_ROUTE).Checked("open a netlink socket");
    readonly WakeUp _wake = new();

    internal LinkEvents()
    {
        var address = new Interop.NetlinkAddress { Family = Interop.AF_NETLINK, Groups = Interop.RTMGRP_LINK };
        Interop.Check(Interop.Bind(_netlink, &address, (uint)sizeof(Interop.NetlinkAddress)), "listen to link events");
    }

    /// <summary>Waits for the next change. False after <see cref="Stop"/>.</summary>
    internal bool Wait()
    {
        // What changed is asked of the device itself; lost messages (ENOBUFS, which poll reports as an error) cost nothing.
        var message = stackalloc byte[4096];
        _wake.WaitReadable(_netlink);
        while (!_wake.Stopped && Interop.Receive(_netlink, message, 4096, Interop.MSG_DONTWAIT) >= 0) { }
        return !_wake.Stopped;
    }

    internal void Stop() => _wake.Stop();

    public void Dispose()
    {
        _netlink.Dispose();
        _wake.Dispose();
    }
}
