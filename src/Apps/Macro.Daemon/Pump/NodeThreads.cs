using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Tcp;
using Macro.Engine;
using Macro.Linux;
using Macro.Pump;
using Macro.WireGuard;

namespace Macro.Daemon.Pump;

/// <summary>
/// The node's threads: one owner for all control state, one pump for each socket of the UDP port, one for each TUN device
/// that is there.
/// What comes by TCP goes through one more plane, on the threads that read it.
/// Pumps see the shared tables and the devices of the moment; they never wait for the owner. What works only for others interrupts no
/// program of this machine (<see cref="Scheduling.GivesWay"/>).
/// </summary>
sealed class NodeThreads : IOwned, IPlaneOwner, IDisposable
{
    enum LetterKind
    {
        Handshake,
        Payload,
        Activity,
        Other,
        Spare,
    }

    const int TcpBytes = 128 * 1024, TcpMessages = 128;

    static readonly TimeSpan s_tick = TimeSpan.FromSeconds(1);

    readonly IReadOnlyList<UdpPort> _sockets;
    readonly UdpPort _udp;
    readonly SparePorts _spare;
    readonly OwnerThread _owner;
    readonly PumpThread[] _udpPumps;
    readonly DatagramPlane[] _datagrams;
    readonly Action _stepped, _ticked;
    Instant _nextTick;
    volatile Action<PacketBatch>? _toExit, _toResolver;
    volatile ExitPlane[] _exitPlanes = [];
    readonly ShapedLink? _onward, _back, _own;
    readonly PacketBatch? _packets;
    volatile bool _isClient;

    /// <param name="sockets">Of the node's UDP port, one for each pump; owned.</param>
    /// <param name="spare">Of sockets beside that port.</param>
    /// <param name="verifier">Of next hops.</param>
    /// <param name="stepped">Called on the owner thread after each of its steps, and <paramref name="ticked"/> once a second.</param>
    /// <param name="limits">Bits per second that go through for others, each way, and that the client's device sends; 0: no limit.</param>
    public NodeThreads(IReadOnlyList<UdpPort> sockets, UdpOptions spare, IHopVerifier verifier, Action stepped, Action ticked, (long Others, long Own) limits = default)
    {
        (_sockets, _udp) = (sockets, sockets[0]);
        (_stepped, _ticked, _nextTick) = (stepped, ticked, Clock.Now + s_tick);
        Node = new Node(verifier, SystemRandom.Shared);
        PacketBatch[] received = [.. sockets.Select(_ => new PacketBatch(PumpThread.ReceiveBytes, PumpThread.MostDatagrams))];
        var byTcp = new PacketBatch(TcpBytes, TcpMessages);
        _datagrams = [.. received.Append(byTcp).Select(batch => new DatagramPlane(batch, Node.Indices, Node.Switches, this))];
        Links = new TcpLinks(byTcp, () => Deliver(_udp, _udp, _datagrams[^1]), link => _ = RunAsync(() => LostTcp(link)), new TcpLimits(), SystemRandom.Shared, () => Clock.Now);
        _spare = new SparePorts(Node, spare, this, PostSpare, (port, plane) => Deliver(_udp, port, plane));
        Device = new DeviceEnd(this);
        if (limits.Others > 0)
        {
            _packets = new PacketBatch(PumpThread.ReceiveBytes, PumpThread.MostDatagrams);
            _onward = new ShapedLink("onward", limits.Others, PacketSorters.ByCircuit, SendOnward, Clock);
            _back = new ShapedLink("back", limits.Others, PacketSorters.ByCircuit, batch => Send(_udp, batch), Clock);
        }
        if (limits.Own > 0)
            _own = new ShapedLink(
                "own", limits.Own, (packet, _) => PacketSorters.ByFlow(packet, Device.Plane.Circuit?.Hops.Length ?? 1), SendOwn, Clock,
                ClientPlane.Headroom, ClientPlane.Tailroom);
        _owner = new OwnerThread("engine", this, Clock, letters: 4096);
        _owner.Start();
        _udpPumps = [.. sockets.Select((udp, i) => new PumpThread($"udp {udp.Port} {i}", () => PumpDatagrams(udp, received[i], _datagrams[i])))];
    }

    /// <summary>Touched on the owner thread only, but for its tables.</summary>
    public Node Node { get; }

    public BootClock Clock { get; } = new();

    /// <summary>The TCP connections; the planes know them as endpoints.</summary>
    public TcpLinks Links { get; }

    /// <summary>The end of the circuit that the client's TUN device uses.</summary>
    public DeviceEnd Device { get; }

    public bool HasV6 => _udp.HasV6;

    /// <summary>Of the node's UDP port, one for each pump.</summary>
    public IReadOnlyList<UdpPort> Sockets => _sockets;

    public PlaneCounters Received => PlaneCounters.Sum(_datagrams.Select(plane => plane.Counters));

    /// <summary>Bytes of IP packets that came back for exit sessions.</summary>
    public long ExitReturned => _exitPlanes.Sum(plane => plane.Counters.ExitBytes);

    /// <summary>Bytes that went through for others, each counted once.</summary>
    public long ForOthers => Received.RelayedBytes + Received.ExitBytes + ExitReturned;

    /// <summary>Bits per second each way, 1 and up. Only where there was a limit at the start.</summary>
    public void LimitOthers(long bitsPerSecond)
    {
        _onward?.Change(bitsPerSecond);
        _back?.Change(bitsPerSecond);
    }

    /// <summary>Runs a function on the owner thread.</summary>
    public Task<T> RunAsync<T>(Func<T> function) => _owner.RunAsync(function);

    public Task RunAsync(Action action) => _owner.RunAsync(action);

    /// <summary>Packets of this device take the client's circuit from now on, until the device is disposed.</summary>
    public PumpThread Attach(TunDevice client)
    {
        Device.Tun = client;
        return new PumpThread($"{client.Name} read", () =>
        {
            var batch = new PacketBatch(PumpThread.ReadBytes, PumpThread.MostPackets);
            while (client.Read(batch, ClientPlane.Headroom, ClientPlane.Tailroom))
            {
                if (_own is null)
                    SendOwn(batch);
                else
                    _own.Send(batch);
            }
            Device.Tun = null;
        });
    }

    /// <summary>Reads what the internet answers by this device, until it is disposed.</summary>
    public PumpThread ReadExit(TunDevice exit, ExitLeases leases)
    {
        var plane = MakeExitPlane(leases, PumpThread.MostPackets);
        return new PumpThread($"{exit.Name} read", () =>
        {
            Scheduling.GivesWay = true;
            var batch = new PacketBatch(PumpThread.ReadBytes, PumpThread.MostPackets);
            while (exit.Read(batch, ExitPlane.Headroom, ExitPlane.Tailroom))
            {
                plane.Handle(batch, Clock.Now);
                SendBack(batch);
            }
        });
    }

    /// <summary>Sends datagrams of an exit's sessions to their clients. Any thread.</summary>
    public void SendBack(PacketBatch batch) => SendBack(_udp, batch);

    /// <summary>For the answers of one more place where exit sessions' packets end. It belongs to whoever makes them.</summary>
    public ExitPlane MakeExitPlane(ExitLeases leases, int slots)
    {
        var plane = new ExitPlane(leases, this, slots);
        _exitPlanes = [.. _exitPlanes, plane];
        return plane;
    }

    /// <summary>Packets of exit sessions go to these functions from now on, as far as the policy lets them. One caller at a time.</summary>
    public void OpenExit(ExitPolicy policy, Action<PacketBatch> toInternet, Action<PacketBatch> toResolver)
    {
        (_toExit, _toResolver) = (toInternet, toResolver);
        SetPolicy(policy);
    }

    public void CloseExit()
    {
        SetPolicy(null);
        (_toExit, _toResolver) = (null, null);
    }

    /// <summary>Sends datagrams from the node's port, from the spare socket that alone reaches their endpoint, or by a TCP connection. Any thread.</summary>
    public void Send(PacketBatch batch) => Send(_udp, batch);

    public void Dispose()
    {
        _owner.Dispose();
        _onward?.Dispose();
        _back?.Dispose();
        _own?.Dispose();
        _spare.Dispose();
        foreach (var udp in _sockets)
            udp.Dispose();
        foreach (var pump in _udpPumps)
            pump.Join();
    }

    Instant IOwned.NextTimeout => Instant.Min(Node.NextTimeout, _nextTick);

    void IOwned.HandleLetter(in Letter letter, int waiting, Instant now)
    {
        switch ((LetterKind)letter.Kind)
        {
            case LetterKind.Handshake:
                Node.HandleHandshake(letter.Bytes, letter.Remote, (Hop?)letter.Subject, now);
                break;
            case LetterKind.Payload:
                Node.HandlePayload((Tunnel)letter.Subject!, letter.Bytes, letter.Remote, now);
                break;
            case LetterKind.Activity:
                Node.HandleActivity((Tunnel)letter.Subject!, now);
                break;
            case LetterKind.Other:
                Node.HandleOther(letter.Bytes, letter.Remote, now);
                break;
            case LetterKind.Spare:
                Node.HandleSpare((SpareSocket)letter.Subject!, letter.Bytes, letter.Remote, now);
                break;
        }
    }

    void IOwned.HandleTimeout(Instant now)
    {
        if (Node.NextTimeout <= now)
            Node.HandleTimeout(now);
        if (now < _nextTick)
            return;
        _nextTick = now + s_tick;
        Links.Sweep(now);
        _ticked();
    }

    void IOwned.Flush(Instant now)
    {
        Node.NoteSent(now);
        if (!Node.Outbox.IsEmpty)
            Send(Node.Outbox.Batch);
        Node.Outbox.Batch.Clear();
        if (Node.Relay.Released is { Count: > 0 } released)
        {
            SendOut(released);
            released.Clear();
        }
        _spare.Flush();
        _isClient = Node.Controller.Main is not null;
        _stepped();
    }

    void IPlaneOwner.PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via) =>
        _owner.TryPost(new Letter
        {
            Kind = (int)LetterKind.Handshake,
            // Early data can be done without.
            Rank = datagram is [(byte)MessageType.Data, ..] ? LetterRank.Lesser : LetterRank.Ordinary,
            Bytes = datagram,
            Remote = source,
            Subject = via,
        });

    void IPlaneOwner.PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Payload, Bytes = payload, Remote = source, Subject = tunnel });

    void IPlaneOwner.PostActivity(Tunnel tunnel) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Activity, Rank = LetterRank.Urgent, Subject = tunnel });

    void IPlaneOwner.PostOther(ReadOnlySpan<byte> datagram, Endpoint source) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Other, Rank = LetterRank.Lesser, Bytes = datagram, Remote = source });

    void PostSpare(SpareSocket socket, ReadOnlySpan<byte> datagram, Endpoint source) =>
        _owner.TryPost(new Letter { Kind = (int)LetterKind.Spare, Rank = LetterRank.Lesser, Bytes = datagram, Remote = source, Subject = socket });

    void SetPolicy(ExitPolicy? policy)
    {
        foreach (var plane in _datagrams)
            plane.Policy = policy;
    }

    void PumpDatagrams(UdpPort udp, PacketBatch received, DatagramPlane plane)
    {
        while (udp.Receive(received))
        {
            Scheduling.GivesWay = !_isClient;
            Deliver(udp, udp, plane);
        }
    }

    /// <param name="onward">By which others' datagrams go on.</param>
    /// <param name="back">By which the batch came.</param>
    void Deliver(UdpPort onward, UdpPort back, DatagramPlane plane)
    {
        plane.Handle(Clock.Now);
        if (plane.Forwarded.Count > 0)
        {
            if (_onward is null)
                Send(onward, plane.Forwarded);
            else
                _onward.Send(plane.Forwarded);
        }
        if (plane.Returned.Count > 0)
        {
            plane.Returned.Compact();
            SendBack(back, plane.Returned);
        }
        foreach (ref readonly var delivery in plane.ToClient)
            delivery.End.Write(delivery.Packets);
        foreach (ref readonly var delivery in plane.ToClientInOrder)
            if (delivery.Packets.Count > 0)
                delivery.End.Write(delivery.Packets);
        if (plane.ToExit.Count > 0)
            SendOut(plane.ToExit);
        if (plane.ToExitInOrder is { Count: > 0 } inOrder)
            SendOut(inOrder);
        if (plane.ToResolver.Count > 0)
            _toResolver?.Invoke(plane.ToResolver);
    }

    /// <summary>Packets of exit sessions.</summary>
    void SendOut(PacketBatch packets)
    {
        if (_onward is null)
            _toExit?.Invoke(packets);
        else
            _onward.Send(packets);
    }

    void SendOwn(PacketBatch batch)
    {
        Device.Plane.Handle(batch, Clock.Now);
        Send(batch);
        if (Device.Plane.Copies is { Count: > 0 } copies)
            Send(copies);
    }

    void SendBack(UdpPort udp, PacketBatch batch)
    {
        if (_back is null)
            Send(udp, batch);
        else
            _back.Send(batch);
    }

    /// <summary>Datagrams go to next hops, packets to the internet.</summary>
    void SendOnward(PacketBatch batch)
    {
        _packets!.Clear();
        foreach (ref var slot in batch.Slots)
        {
            if (!slot.Remote.IsNone)
                continue;
            _packets.TryCopy(batch.Buffer.AsSpan(slot.Offset, slot.Length), default);
            slot.Length = 0;
        }
        if (_packets.Count > 0)
            _toExit?.Invoke(_packets);
        batch.Compact();
        if (batch.Count > 0)
            Send(_udp, batch);
    }

    void Send(UdpPort udp, PacketBatch batch)
    {
        Links.TakeOut(batch);
        _spare.Send(udp, batch);
    }

    void LostTcp(Endpoint link)
    {
        Node.Tcp.Lost(link, Clock.Now);
        Node.Observe(Clock.Now);
    }
}
