using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Nat;
using Macro.Peers;
using Macro.WireGuard;

namespace Macro.Engine.Tests;

/// <summary>A node with its planes, wired as the daemon wires it, but without threads: a mailbox that is emptied after each batch.</summary>
sealed class SimNode : IPlaneOwner, IHopVerifier
{
    readonly World _world;
    readonly Queue<Action> _mailbox = new();
    readonly PacketBatch _received = new(1 << 16, 16);
    readonly PacketBatch _tun = new(1 << 16, 16);
    readonly DatagramPlane _plane;
    readonly SimEnd _device;
    readonly Dictionary<IsolationKey, SimEnd> _stacks = [];
    ExitPlane _exit;
    readonly PrivateKey _key;

    /// <param name="before">The same node before it started again: only its keys are left.</param>
    public SimNode(World world, string name, Endpoint endpoint, bool relay, bool exit, SimNode? before = null)
    {
        (_world, Name, Endpoint) = (world, name, endpoint);
        var leases = new ExitLeases();
        Node = new Node(this, world.Random);
        Node.Relay.Configure(new RelayOptions { IsRelay = relay, IsExit = exit, Region = exit ? "NL" : "ZZ" }, leases,
            before is null ? world.Now - world.Age : world.Now);
        _key = before?._key ?? PrivateKey.Generate(world.Random);
        Node.Relay.SetKeys([_key]);
        _plane = new DatagramPlane(_received, Node.Indices, Node.Switches, this) { Policy = ExitPolicy.Default };
        _device = new SimEnd(this);
        Node.Controller.MainEnd = (IsolationKey.Device, _device);
        (Node.Controller.MostSpares, Node.Controller.KeepsStandby) = (0, false);
        _exit = new ExitPlane(leases, this, 16);
        Identity = before?.Identity ?? NodeIdentity.Generate(world.Random);
        Node.Direct.Offer = _ => Observe();
        Candidate = new Candidate
        {
            Id = Identity.Id,
            IsExit = exit,
            Endpoints = [endpoint],
            Target = new HopTarget { Name = name, Node = Identity.Id, RelayKey = _key.PublicKey, Endpoint = endpoint, Descriptor = Describe(endpoint), Region = exit ? "NL" : "ZZ", TakesEarly = true },
        };
    }

    public NodeIdentity Identity { get; }

    /// <summary>What two observers on the internet tell of its NAT.</summary>
    PunchOffer Observe()
    {
        var seen = new List<Endpoint>();
        foreach (var observer in (Endpoint[])[Endpoint.Parse("44.250.0.1:3478"), Endpoint.Parse("44.251.0.1:3478")])
            if (_world.Topology.TryRoute(Endpoint, observer, _world.Now, out var source, out _))
                seen.Add(source);
        var step = seen.Count == 2 ? seen[1].Port - seen[0].Port : 0;
        var allocation = seen.Count < 2 ? PortAllocation.Blocked
            : seen[1] == Endpoint ? PortAllocation.None
            : step == 0 ? PortAllocation.Kept
            : step is > 0 and <= 16 ? PortAllocation.Sequential
            : PortAllocation.Random;
        return PunchOffer.Describe(allocation, (sbyte)(allocation == PortAllocation.Sequential ? step : 0), [Endpoint], seen.LastOrDefault());
    }

    /// <summary>With its names, as an introducer's descriptor must have them.</summary>
    public byte[] DescribeFully(Endpoint endpoint)
    {
        var descriptor = (byte[])[.. Describe(endpoint), .. new byte[2 * NodeId.Size]];
        Identity.Id.Write(descriptor.AsSpan(18));
        _key.PublicKey.Write(descriptor.AsSpan(18 + NodeId.Size));
        return descriptor;
    }

    /// <summary>As its descriptor names it while it stands behind a NAT: by its introducers.</summary>
    public Candidate CandidateBehindNat
    {
        get
        {
            var introducers = Node.Registrar.Introducers;
            var descriptor = (byte[])[.. DescribeFully(default), .. new byte[NodeId.Size * introducers.Count]];
            for (var i = 0; i < introducers.Count; i++)
                introducers[i].Write(descriptor.AsSpan(18 + NodeId.Size * (2 + i)));
            return Candidate with { Endpoints = [], Introducers = introducers, Target = Candidate.Target with { Endpoint = default, Descriptor = descriptor } };
        }
    }

    public string Name { get; }
    public Endpoint Endpoint { get; set; }
    public Node Node { get; }
    public Candidate Candidate { get; }
    public PublicKey RelayKey => _key.PublicKey;

    /// <summary>The network that the node finds by itself; null: its relays are told.</summary>
    public Membership? Membership { get; set; }

    /// <summary>Lets the node do what it has to, now.</summary>
    public void Wake() => Flush();

    /// <summary>IP packets that came out of the client's circuit.</summary>
    public List<byte[]> Inbox => _device.Inbox;

    /// <summary>The ends of further isolation keys, as the last circuit was asked for.</summary>
    public IReadOnlyDictionary<IsolationKey, SimEnd> Stacks => _stacks;

    /// <summary>IP packets that left for the internet, source rewritten.</summary>
    public List<byte[]> Internet { get; } = [];

    /// <summary>IP packets for the exit's resolver, source rewritten.</summary>
    public List<byte[]> Queries { get; } = [];

    /// <summary>Takes what leaves for the internet, instead of <see cref="Internet"/>.</summary>
    public Action<byte[]>? Outside { get; set; }

    /// <summary>What the internet answers to a packet; null nothing.</summary>
    public Func<byte[], byte[]?>? Answer { get; set; }

    /// <summary>What its exit sessions may reach, whatever its descriptor says.</summary>
    public ExitPolicy Policy { set => _plane.Policy = value; }

    public PlaneCounters Counters => _plane.Counters;

    public SimEnd Device => _device;

    /// <summary>A circuit that no controller keeps; its timeouts are this node's.</summary>
    public Func<Circuit>? Drives { get; set; }

    public Instant NextTimeout => Instant.Min(Node.NextTimeout, Drives?.Invoke().NextTimeout ?? Instant.Never);

    /// <summary>TCP connections that it needed no more.</summary>
    public List<Endpoint> HungUp { get; } = [];

    public bool DeviceWorks { get; set; } = true;

    /// <summary>Descriptors that it had to verify.</summary>
    public int Verified { get; private set; }

    /// <summary>Payloads that the fast path gave to the owner.</summary>
    public int Posted { get; private set; }

    /// <summary>Switches parts on and off. An exit that is switched on has new leases, as the daemon makes them.</summary>
    public void Serve(bool relay, bool exit, int maxSessions = 20_000)
    {
        var leases = exit ? new ExitLeases() : null;
        Node.Relay.Configure(Node.Relay.Options with { IsRelay = relay, IsExit = exit, MaxSessions = maxSessions }, leases, _world.Now);
        _plane.Policy = exit ? ExitPolicy.Default : null;
        _exit = new ExitPlane(leases ?? new ExitLeases(), this, 16);
    }

    /// <summary>What stands for a signed descriptor here: the endpoint in 18 bytes.</summary>
    public static byte[] Describe(Endpoint endpoint)
    {
        var descriptor = new byte[18];
        endpoint.Address.WriteMapped(descriptor);
        (descriptor[16], descriptor[17]) = ((byte)(endpoint.Port >> 8), (byte)endpoint.Port);
        return descriptor;
    }

    public void Up(ConnectionMode mode, string? region = null)
    {
        Node.Controller.Up(new ConnectRequest { Mode = mode, ExitRegion = region }, _world.Now);
        Flush();
    }

    /// <summary>Something happens on the owner thread.</summary>
    public void Do(Action action)
    {
        action();
        Flush();
    }

    public void Down()
    {
        Node.Controller.Down(_world.Now);
        Flush();
    }

    /// <summary>A proxy asks for the circuit of an isolation key.</summary>
    public KeptCircuit? Use(IsolationKey key)
    {
        Node.Controller.TryUse(key, () => _stacks[key] = new SimEnd(this), _world.Now, out var kept);
        Flush();
        return kept;
    }

    /// <summary>An application sends an IP packet into the tunnel.</summary>
    public void SendPacket(byte[] packet) => SendPacket(packet, _device);

    public void SendPacket(byte[] packet, SimEnd end)
    {
        _tun.Clear();
        _tun.TryCopy(packet, default, ClientPlane.Headroom, ClientPlane.Tailroom);
        end.Plane.Handle(_tun, _world.Now);
        Emit(_tun);
        if (end.Plane.Copies is { } copies)
            Emit(copies);
        Flush();
    }

    public void Receive(byte[] datagram, Endpoint source, Ecn ecn = Ecn.NotCapable)
    {
        _received.Clear();
        _received.TryCopy(datagram, source);
        _received[0].Ecn = ecn;
        _plane.Handle(_world.Now);
        Emit(_plane.Forwarded);
        Emit(_plane.Returned);
        foreach (var delivery in _plane.ToClient)
            delivery.End.Write(delivery.Packets);
        foreach (var delivery in _plane.ToClientInOrder)
            delivery.End.Write(delivery.Packets);
        for (var i = 0; i < _plane.ToResolver.Count; i++)
            Queries.Add(_plane.ToResolver.Bytes(i).ToArray());
        LeaveForInternet(_plane.ToExit);
        if (_plane.ToExitInOrder is { } inOrder)
            LeaveForInternet(inOrder);
        Flush();
    }

    /// <summary>Takes all of them: what is answered at once may bring this batch back.</summary>
    void LeaveForInternet(PacketBatch packets)
    {
        byte[][] leaving = [.. Enumerable.Range(0, packets.Count).Select(i => packets.Bytes(i).ToArray())];
        packets.Clear();
        foreach (var packet in leaving)
        {
            if (Outside is { } outside)
            {
                outside(packet);
                continue;
            }
            Internet.Add(packet);
            if (Answer?.Invoke(packet) is { } answer)
                FromInternet(answer);
        }
    }

    public void FromInternet(byte[] packet)
    {
        _tun.Clear();
        _tun.TryCopy(packet, default, ExitPlane.Headroom, ExitPlane.Tailroom);
        _exit.Handle(_tun, _world.Now);
        Emit(_tun);
        Flush();
    }

    public void HandleTimeout()
    {
        Node.HandleTimeout(_world.Now);
        Drives?.Invoke().HandleTimeout(_world.Now);
        Flush();
    }

    /// <summary>The tables of this node agree with each other.</summary>
    public void CheckConsistency()
    {
        var (relay, controller) = (Node.Relay, Node.Controller);
        KeptCircuit[] kept = [.. controller.Isolated, .. controller.Main is { } main ? [main] : Array.Empty<KeptCircuit>()];
        // A tunnel has at most a handshake under way and three sessions.
        var tunnels = relay.Sessions + kept.Sum(k => k.Circuits.Sum(circuit => circuit.Hops.Length));
        Assert.InRange(Node.Indices.Count, relay.Sessions, 4 * tunnels);
        Assert.InRange(Node.Switches.Count, 0, relay.Sessions * Inbound.MaxChannels * Channel.MaxIndices);
        Assert.InRange(relay.Leases?.Count ?? 0, 0, relay.Sessions);
        // An index leads to one place only.
        Assert.All(Node.Switches.Indices, index => Assert.False(Node.Indices.TryFind(index, out _, out _)));
        if (controller.Connection.State == ConnectionState.Active)
            Assert.Equal(CircuitState.Ready, controller.Carrying!.State);
        if (controller.Connection.State is ConnectionState.Off or ConnectionState.Failed)
            Assert.Empty(kept);
        Assert.All(kept, k => Assert.True(k.Carrying is null || k.Building is null));
        Assert.All(kept, k => Assert.Same(k.Carrying, ((SimEnd)k.End).Circuit));
        Assert.InRange(controller.Isolated.Count, 0, Controller.MostIsolated);
        // Nothing that is due is left undone.
        Assert.True(!_world.IsAlive(this) || Node.NextTimeout >= _world.Now);
    }

    void IPlaneOwner.PostHandshake(ReadOnlySpan<byte> datagram, Endpoint source, Hop? via)
    {
        var copy = datagram.ToArray();
        _mailbox.Enqueue(() => Node.HandleHandshake(copy, source, via, _world.Now));
    }

    void IPlaneOwner.PostPayload(Tunnel tunnel, ReadOnlySpan<byte> payload, Endpoint source)
    {
        Posted++;
        var copy = payload.ToArray();
        _mailbox.Enqueue(() => Node.HandlePayload(tunnel, copy, source, _world.Now));
    }

    void IPlaneOwner.PostActivity(Tunnel tunnel) => _mailbox.Enqueue(() => Node.HandleActivity(tunnel, _world.Now));

    void IPlaneOwner.PostOther(ReadOnlySpan<byte> datagram, Endpoint source)
    {
        var copy = datagram.ToArray();
        _mailbox.Enqueue(() => Node.HandleOther(copy, source, _world.Now));
    }

    ControlStatus IHopVerifier.Verify(ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
    {
        Verified++;
        next = default;
        if (Membership is { } membership)
            return membership.Verify(descriptor, now, out next);
        if (descriptor.Length < 18 || (descriptor.Length - 18) % NodeId.Size != 0)
            return ControlStatus.RefusedUnverified;
        var endpoint = new Endpoint(IpAddress.Read(descriptor[..16]), (ushort)((descriptor[16] << 8) | descriptor[17]));
        if (descriptor.Length == 18)
        {
            next = new NextHop { Endpoint = endpoint };
            return ControlStatus.Ok;
        }
        var introducers = new List<NodeId>();
        for (var at = 18 + 2 * NodeId.Size; at < descriptor.Length; at += NodeId.Size)
            introducers.Add(new NodeId(descriptor.Slice(at, NodeId.Size)));
        next = new NextHop
        {
            Endpoint = endpoint.Port == 0 ? default : endpoint,
            Id = new NodeId(descriptor.Slice(18, NodeId.Size)),
            RelayKey = new PublicKey(descriptor.Slice(18 + NodeId.Size, NodeId.Size)),
            Introducers = introducers,
        };
        return ControlStatus.Ok;
    }

    void Flush()
    {
        do
        {
            while (_mailbox.TryDequeue(out var action))
                action();
            if (Node.Controller.NeedsDevice)
            {
                if (DeviceWorks)
                    Node.Controller.DeviceReady(_world.Now);
                else
                    Node.Controller.DeviceFailed("no device", "be root", _world.Now);
            }
            Node.Observe(_world.Now);
            while (Node.Tcp.TryTakeDial(out var far))
                _world.Dial(this, far);
            while (Node.Tcp.TryTakeHangUp(out var link))
                HungUp.Add(link);
            Node.NoteSent(_world.Now);
            Emit(Node.Outbox.Batch);
            Node.Outbox.Batch.Clear();
            if (Node.Relay.Released is { Count: > 0 } released)
                LeaveForInternet(released);
        }
        while (_mailbox.Count > 0);
    }

    void Emit(PacketBatch batch)
    {
        for (var i = 0; i < batch.Count; i++)
            if (batch[i].Length > 0)
                _world.Send(Endpoint, batch[i].Remote, batch.Bytes(i).ToArray(), batch[i].Ecn);
    }
}
