using Macro.Core;
using Macro.Linux;
using Macro.Pump;
using Macro.WireGuard;

namespace Macro.Wg;

/// <summary>
/// One WireGuard interface at work: the pure <see cref="Device"/> with its owner thread, the TUN device, the UDP port, and
/// a pump for each direction. The port is bound while the interface is up.
/// </summary>
sealed class WireGuardInterface : IOwned, IDeviceSink, IDisposable
{
    enum LetterKind
    {
        Handshake,
        Packet,
        Activity,
    }

    const int Letters = 1024;

    /// <summary>As many handshakes waiting as wireguard-go calls a load.</summary>
    const int LettersUnderLoad = Letters / 8;

    readonly BootClock _clock = new();
    readonly TunDevice _tun;
    readonly Log _log;
    readonly Device _device;
    readonly OwnerThread _owner;
    readonly TunPump _tunPump;
    readonly PacketBatch _outgoing = new(256 * 1024, 128);
    readonly int _pumps;

    // Of the port, one for each pump; the first one sends for all other threads.
    IReadOnlyList<UdpPort> _sockets = [];
    volatile UdpPort? _port;
    IReadOnlyList<UdpPump> _udpPumps = [];
    bool _up;

    /// <param name="pumps">Threads that receive at the port; 0 for as many as the processors want.</param>
    /// <param name="gone">Called when the TUN device is gone.</param>
    internal WireGuardInterface(TunDevice tun, int pumps, Log log, Action gone)
    {
        _pumps = pumps > 0 ? pumps : PumpThread.PumpsFor(Environment.ProcessorCount);
        _tun = tun;
        _log = log;
        _device = new Device(SystemRandom.Shared, tun.Mtu);
        _device.SetUp(false, _clock.Now);
        _owner = new OwnerThread($"{tun.Name} owner", this, _clock, Letters);
        _owner.Start();
        var sealer = new Sealer(_device, this, PumpThread.MostPackets);
        _tunPump = new TunPump(tun, () => _port, sealer.HandlePackets, _clock, Device.Headroom, Device.Tailroom, gone);
        tun.LinkChanged += FollowLink;
        FollowLink();
    }

    /// <summary>Answers one request of the configuration protocol.</summary>
    internal Task<string> HandleUapiAsync(string request) => _owner.RunAsync(() =>
    {
        var answer = Uapi.Handle(_device, request, _clock.Now);
        var error = ApplyEvents();
        return error == 0 ? answer : Uapi.Errno(error);
    });

    public void Dispose()
    {
        _tun.LinkChanged -= FollowLink;
        _owner.Dispose();
        _tun.Dispose();
        _tunPump.Join();
        ClosePort();
        _device.Dispose();
    }

    Instant IOwned.NextTimeout => _device.NextTimeout;

    void IOwned.HandleLetter(in Letter letter, int waiting, Instant now)
    {
        switch ((LetterKind)letter.Kind)
        {
            case LetterKind.Handshake:
                _device.HandleHandshake(letter.Bytes, letter.Remote, waiting >= LettersUnderLoad, now);
                break;
            case LetterKind.Packet:
                _device.HandlePacket((Peer)letter.Subject!, letter.Bytes, now);
                break;
            case LetterKind.Activity:
                _device.HandleActivity((Peer)letter.Subject!, now);
                break;
        }
    }

    void IOwned.HandleTimeout(Instant now) => _device.HandleTimeout(now);

    void IOwned.Flush(Instant now)
    {
        _ = ApplyEvents();
        while (_device.TryTakeTransmit(out var transmit))
        {
            if (_outgoing.TryCopy(transmit.Datagram.Span, transmit.Remote))
                continue;
            SendOutgoing();
            _outgoing.TryCopy(transmit.Datagram.Span, transmit.Remote);
        }
        SendOutgoing();
    }

    void IDeviceSink.HandleHandshake(ReadOnlySpan<byte> datagram, Endpoint source) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Handshake, Bytes = datagram, Remote = source });

    void IDeviceSink.HandlePacket(Peer peer, ReadOnlySpan<byte> packet) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Packet, Subject = peer, Bytes = packet });

    void IDeviceSink.HandleActivity(Peer peer) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Activity, Rank = LetterRank.Urgent, Subject = peer });

    void SendOutgoing()
    {
        if (_outgoing.Count > 0)
            _port?.Send(_outgoing);
        _outgoing.Clear();
    }

    void FollowLink() => _ = _owner.RunAsync(() =>
    {
        if (_device.Mtu != _tun.Mtu)
        {
            _device.SetMtu(_tun.Mtu);
            _log.Verbose($"MTU updated: {_tun.Mtu}");
        }
        if (_up == _tun.IsUp)
            return;
        _up = _tun.IsUp;
        _log.Verbose(_up ? "Interface up" : "Interface down");
        if (_up && BindPort() is var error and not 0)
            _log.Error($"Unable to bind UDP port {_device.ListenPort}: errno {-error}");
        _device.SetUp(_up, _clock.Now);
        if (!_up)
            ClosePort();
    });

    /// <summary>Follows what a verb of the device changed. 0 or a negative errno.</summary>
    int ApplyEvents()
    {
        var error = 0;
        while (_device.TryTakeEvent(out var happened))
        {
            switch (happened.Kind)
            {
                case DeviceEventKind.ListenPortChanged:
                    error = BindPort();
                    break;
                case DeviceEventKind.FirewallMarkChanged:
                    error = SetMark();
                    break;
                case DeviceEventKind.SessionEstablished:
                    _log.Verbose($"{NameOf(happened.Peer)} - Handshake completed");
                    break;
                case DeviceEventKind.HandshakeFailed:
                    _log.Verbose($"{NameOf(happened.Peer)} - Handshake did not complete, giving up");
                    break;
                case DeviceEventKind.KeysErased:
                    _log.Verbose($"{NameOf(happened.Peer)} - Erased all keys");
                    break;
            }
        }
        return error;
    }

    /// <summary>
    /// Binds the wanted port in place of the present one, which stays where that fails. While the interface is down there is none.
    /// </summary>
    int BindPort()
    {
        if (!_up)
            return 0;
        var present = _port;
        if (present is not null && present.Port == _device.ListenPort)
            return 0;
        try
        {
            var sockets = UdpPort.BindGroup(_device.ListenPort, _pumps, new UdpOptions { Mark = _device.FirewallMark });
            ClosePort();
            _device.ListenPort = sockets[0].Port;
            _udpPumps = [.. sockets.Select(Pump)];
            (_sockets, _port) = (sockets, sockets[0]);
            _log.Verbose($"UDP bind has been updated: {_device.ListenPort}");
            return 0;
        }
        catch (LinuxException failure)
        {
            _log.Error(failure.Message);
            _device.ListenPort = present?.Port ?? _device.ListenPort;
            return -failure.Errno;
        }
    }

    UdpPump Pump(UdpPort socket) => new(socket, _tun, new Opener(_device, this, PumpThread.MostDatagrams).HandleDatagrams, _clock, _tunPump);

    void ClosePort()
    {
        _port = null;
        foreach (var socket in _sockets)
            socket.Dispose();
        foreach (var pump in _udpPumps)
            pump.Join();
        (_sockets, _udpPumps) = ([], []);
    }

    int SetMark()
    {
        try
        {
            foreach (var socket in _sockets)
                socket.Mark = _device.FirewallMark;
            return 0;
        }
        catch (LinuxException failure)
        {
            _log.Error(failure.Message);
            return -failure.Errno;
        }
    }

    static string NameOf(Peer? peer)
    {
        var key = peer?.PublicKey.ToBase64() ?? "";
        return key.Length < 43 ? "peer" : $"peer({key[..4]}…{key[39..43]})";
    }
}
