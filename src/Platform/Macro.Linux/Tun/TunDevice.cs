using Macro.Core;

namespace Macro.Linux;

/// <summary>
/// A TUN interface of the kernel. It lives as long as this object, unless the interface was made persistent by someone
/// else. One thread reads at a time; any thread writes; any thread disposes, which wakes the reader.
/// </summary>
public sealed unsafe class TunDevice : ITun
{
    const int LargestPacket = 65535;

    readonly FileDescriptor _tun;
    readonly WakeUp _wake = new();
    readonly LinkEvents _links = new();
    readonly Thread _follower;
    readonly FileDescriptor _control;
    readonly bool _header;
    readonly Segmenter _segmenter = new();
    // A read lands in the batch up to the MTU, and what goes beyond lands here, behind a gap for the first part.
    readonly byte[] _large = GC.AllocateArray<byte>(2 * LargestPacket, pinned: true);
    readonly Lock _linkGate = new();
    volatile string _name;
    volatile int _mtu;
    volatile bool _up;
    Action? _linkChanged;
    int _disposed;

    TunDevice(FileDescriptor tun, string name, short flags, bool offload)
    {
        _tun = tun;
        _name = name;
        _header = (flags & Interop.IFF_VNET_HDR) != 0;
        if (_header)
            Offloads = SetOffloads(offload);
        _control = Interop.Socket(Interop.AF_INET, Interop.SOCK_DGRAM | Interop.SOCK_CLOEXEC, 0).Checked("open a control socket");
        var status = Interop.Fcntl(tun, Interop.F_GETFL, 0);
        Interop.Check(Interop.Fcntl(tun, Interop.F_SETFL, status | Interop.O_NONBLOCK), "make the TUN device non-blocking");
        RefreshLink();
        _follower = new Thread(FollowLink, 256 * 1024) { IsBackground = true, Name = name + " link" };
        _follower.Start();
    }

    public string Name => _name;

    public int Mtu => _mtu;

    /// <summary>What the kernel granted when the device was opened.</summary>
    public TunOffloads Offloads { get; }

    /// <summary>Whether the interface is administratively up.</summary>
    public bool IsUp => _up;

    /// <summary>
    /// Called when the interface went up or down, was renamed or got another MTU; on a thread of the device, which must
    /// not be held up.
    /// </summary>
    public event Action? LinkChanged
    {
        add { lock (_linkGate) _linkChanged += value; }
        remove { lock (_linkGate) _linkChanged -= value; }
    }

    /// <summary>
    /// Makes the interface, or attaches to a persistent one of that name. A name such as "tun%d" lets the kernel number it.
    /// Needs CAP_NET_ADMIN and /dev/net/tun.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public static TunDevice Create(string name, TunOptions? options = null)
    {
        options ??= new TunOptions();
        var request = new Interop.InterfaceRequest { Name = name };
        request.Flags = Interop.IFF_TUN | Interop.IFF_NO_PI;
        if (options.Offload)
            request.Flags |= Interop.IFF_VNET_HDR;
        var flags = request.Flags;
        var tun = Interop.Open("/dev/net/tun", Interop.O_RDWR | Interop.O_CLOEXEC).Checked("open /dev/net/tun");
        try
        {
            Interop.Check(Interop.Ioctl(tun, Interop.TUNSETIFF, &request), $"create TUN interface '{name}'");
            var device = new TunDevice(tun, request.Name, flags, options.Offload);
            if (options.Mtu is { } mtu)
                device.SetMtu(mtu);
            return device;
        }
        catch
        {
            tun.Dispose();
            throw;
        }
    }

    /// <summary>Takes over the descriptor of a TUN device that another program opened (without packet information).</summary>
    public static TunDevice Attach(int descriptor)
    {
        var tun = new FileDescriptor(descriptor);
        _ = Interop.Fcntl(tun, Interop.F_SETFD, Interop.FD_CLOEXEC);
        var request = new Interop.InterfaceRequest();
        Interop.Check(Interop.Ioctl(tun, Interop.TUNGETIFF, &request), $"use descriptor {descriptor} as a TUN device");
        if ((request.Flags & Interop.IFF_NO_PI) == 0)
            throw new LinuxException($"Cannot use TUN device '{request.Name}': it was opened with packet information (IFF_NO_PI is not set).");
        return new TunDevice(tun, request.Name, request.Flags, offload: true);
    }

    /// <exception cref="LinuxException">The kernel refused, or the interface is gone.</exception>
    public void SetMtu(int mtu)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(mtu, 576);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(mtu, LargestPacket);
        var request = new Interop.InterfaceRequest { Name = _name };
        request.Mtu = mtu;
        Interop.Check(Interop.Ioctl(_control, Interop.SIOCSIFMTU, &request), $"set the MTU of '{_name}' to {mtu}");
        _mtu = mtu;
    }

    public bool Read(PacketBatch batch, int headroom, int tailroom)
    {
        do
        {
            if (TryRead(batch, headroom, tailroom))
                return true;
        }
        while (Wait());
        return false;
    }

    public bool TryRead(PacketBatch batch, int headroom, int tailroom)
    {
        ArgumentNullException.ThrowIfNull(batch);
        batch.Clear();
        try
        {
            while (TryReadOne(batch, headroom, tailroom)) { }
        }
        catch (ObjectDisposedException)
        {
            // Disposed between two calls; a slot may be reserved for what was not read.
            batch.Clear();
        }
        return batch.Count > 0;
    }

    /// <param name="port">A <see cref="UdpPort"/>, or null.</param>
    public bool Wait(IUdp? port = null)
    {
        try
        {
            return !_wake.Stopped && _wake.WaitReadable(_tun, ((UdpPort?)port)?.Descriptor);
        }
        catch (ObjectDisposedException)
        {
            return false;
        }
    }

    public void Wake()
    {
        try
        {
            _wake.Nudge();
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits at a closed device.
        }
    }

    public void Write(PacketBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        try
        {
            if (_header)
                Coalescer.OfThread.Write(_tun, batch, Offloads.Udp);
            else
                for (var i = 0; i < batch.Count; i++)
                    fixed (byte* packet = batch.Bytes(i))
                        _ = Interop.Write(_tun, packet, (nuint)batch[i].Length);
        }
        catch (ObjectDisposedException)
        {
            // A closed device refuses every packet.
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _wake.Stop();
        _links.Stop();
        if (Thread.CurrentThread != _follower)
            _follower.Join();
        _tun.Dispose();
        _control.Dispose();
        _links.Dispose();
        _wake.Dispose();
    }

    /// <summary>Adds one packet, or the segments of one. False when nothing waits or the batch has no room for more.</summary>
    bool TryReadOne(PacketBatch batch, int headroom, int tailroom)
    {
        if (_segmenter.Pending)
            return _segmenter.MoveTo(batch, headroom, tailroom);
        var mtu = _mtu;
        if (!batch.TryReserve(headroom, mtu, tailroom, default, out var index))
            return batch.Count > 0 ? false : throw new ArgumentException("The batch has no room for one packet.", nameof(batch));
        VirtioHeader header = default;
        nint read;
        fixed (byte* slot = batch.Bytes(index), large = _large)
        {
            var vectors = stackalloc Interop.IoVector[3];
            vectors[0] = new() { Base = &header, Length = VirtioHeader.Size };
            vectors[1] = new() { Base = slot, Length = (nuint)mtu };
            vectors[2] = new() { Base = large + mtu, Length = (nuint)(_large.Length - mtu) };
            read = _header ? Interop.ReadV(_tun, vectors, 3) : Interop.ReadV(_tun, vectors + 1, 2);
        }
        var length = (int)read - (_header ? VirtioHeader.Size : 0);
        if (length <= 0)
        {
            batch.DropLast(headroom);
            return read < 0 && Interop.LastError == Interop.EINTR;
        }
        if (length <= mtu && header.Kind == VirtioSegmentation.None)
        {
            batch.TrimLast(length, tailroom);
            if ((header.Flags & VirtioHeader.NeedsChecksum) != 0)
                Segmenter.CompleteChecksum(batch.Bytes(index), header);
            return true;
        }
        batch.Bytes(index)[..Math.Min(mtu, length)].CopyTo(_large);
        batch.DropLast(headroom);
        _segmenter.Begin(_large, length, header);
        return _segmenter.MoveTo(batch, headroom, tailroom);
    }

    /// <summary>Asks for all that the kernel can, step by step less.</summary>
    TunOffloads SetOffloads(bool wanted)
    {
        const int tcp = Interop.TUN_F_CSUM | Interop.TUN_F_TSO4 | Interop.TUN_F_TSO6 | Interop.TUN_F_TSO_ECN;
        if (!wanted)
            return new TunOffloads(Header: true, Checksums: false, Tcp: false, Udp: false);
        // Linux 6.2 and later; both or none.
        if (Interop.Ioctl(_tun, Interop.TUNSETOFFLOAD, tcp | Interop.TUN_F_USO4 | Interop.TUN_F_USO6) == 0)
            return new TunOffloads(Header: true, Checksums: true, Tcp: true, Udp: true);
        if (Interop.Ioctl(_tun, Interop.TUNSETOFFLOAD, tcp) == 0)
            return new TunOffloads(Header: true, Checksums: true, Tcp: true, Udp: false);
        _ = Interop.Ioctl(_tun, Interop.TUNSETOFFLOAD, (nuint)0);
        return new TunOffloads(Header: true, Checksums: false, Tcp: false, Udp: false);
    }

    void FollowLink()
    {
        while (_links.Wait())
        {
            var before = (_name, _mtu, _up);
            RefreshLink();
            if (before == (_name, _mtu, _up))
                continue;
            Action? changed;
            lock (_linkGate)
                changed = _linkChanged;
            changed?.Invoke();
        }
    }

    void RefreshLink()
    {
        var request = new Interop.InterfaceRequest();
        if (Interop.Ioctl(_tun, Interop.TUNGETIFF, &request) < 0)
        {
            _up = false;
            return;
        }
        _name = request.Name;
        if (Interop.Ioctl(_control, Interop.SIOCGIFFLAGS, &request) == 0)
            _up = (request.Flags & Interop.IFF_UP) != 0;
        if (Interop.Ioctl(_control, Interop.SIOCGIFMTU, &request) == 0)
            _mtu = request.Mtu;
    }
}
