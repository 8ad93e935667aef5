using Macro.Circuits;
using Macro.Core;
using Macro.NetStack;

namespace Macro.Engine.Tests;

/// <summary>
/// One TCP connection between a client's stack and one on the internet, through a circuit of two hops whose entries have links of
/// their own: path i is by the relay of that number.
/// </summary>
sealed class Transfer
{
    static readonly Endpoint s_web = Endpoint.Parse("203.0.114.7:80");

    readonly SimNode[] _relays;
    readonly SimNode _exit;
    readonly Host _near, _far;
    readonly Dictionary<(Endpoint, Endpoint), SimLink> _links = [];

    /// <param name="paths">Each with Mbit/s, milliseconds there and back, and milliseconds of its queue.</param>
    public Transfer(ulong seed, params (double Rate, double RoundTrip, double Queue)[] paths)
    {
        World = new World(seed) { Delay = TimeSpan.FromMilliseconds(1) };
        Client = World.Add("client", "44.128.0.1:5000");
        _relays = [.. paths.Select((_, i) => World.Add($"relay{i}", $"44.{129 + i}.0.1:51820", relay: true))];
        _exit = World.Add("exit", "44.160.0.1:51820", relay: true, exit: true);
        for (var i = 0; i < paths.Length; i++)
        {
            var (rate, roundTrip, queue) = paths[i];
            foreach (var (from, to) in ((Endpoint, Endpoint)[])[(Client.Endpoint, _relays[i].Endpoint), (_relays[i].Endpoint, Client.Endpoint)])
                _links[(from, to)] = new SimLink(rate * 1e6, TimeSpan.FromMilliseconds(queue), TimeSpan.FromMilliseconds(roundTrip / 4));
            foreach (var (from, to) in ((Endpoint, Endpoint)[])[(_exit.Endpoint, _relays[i].Endpoint), (_relays[i].Endpoint, _exit.Endpoint)])
                _links[(from, to)] = new SimLink(0, default, TimeSpan.FromMilliseconds(roundTrip / 4));
        }
        World.Links = (from, to) => _links.GetValueOrDefault((from, to));
        Client.Node.Controller.Candidates = [.. _relays.Append(_exit).Select(r => r.Candidate)];
        Client.Node.Controller.MostPaths = paths.Length;
        Client.Node.Controller.KeepsStandby = true;
        _near = new Host(World, new Stack(new StackOptions { Addresses = [AddressPair.Inner.V4] }, new TcpMemory(256 << 20), World.Random), packet => Client.SendPacket(packet));
        _far = new Host(World, new Stack(new StackOptions { Addresses = [s_web.Address] }, new TcpMemory(256 << 20), World.Random), _exit.FromInternet);
        Client.Device.Received = _near.Receive;
        _exit.Outside = _far.Receive;
        _far.Stack.Listen(s_web, _far);
        Client.Up(ConnectionMode.Balanced, "NL");
        World.RunUntil(() => Client.Node.Controller.Connection.State == ConnectionState.Active, TimeSpan.FromSeconds(5));
    }

    public World World { get; }
    public SimNode Client { get; }
    public Circuit Circuit => Client.Node.Controller.Carrying!;
    public int Connections => _far.Accepted;
    public bool IsBroken => _near.IsBroken || _far.IsBroken;

    /// <summary>All paths of the circuit are known to the exit.</summary>
    public bool HasAllPaths => Circuit.Paths is { } paths && paths.Paths.Count == _relays.Length && paths.Paths.All(path => path.Meter.IsKnown);

    /// <summary>From now on packets that reach the internet are counted, and nobody gets them.</summary>
    public Func<int> CountArrivals()
    {
        var count = 0;
        _exit.Outside = _ => count++;
        return () => count;
    }

    public void Kill(int path) => World.Kill(_relays[path]);

    /// <summary>This share of what goes by the path is lost, either way.</summary>
    public void Lose(int path, double share) =>
        World.Cut = (from, to) => (from == _relays[path].Endpoint || to == _relays[path].Endpoint) && World.Random.NextDouble() < share;

    public void Revive(int path) => World.Revive(_relays[path]);

    public void Restart(int path) => _relays[path] = World.Restart(_relays[path]);

    /// <summary>The path in use for what is no packet of the session.</summary>
    public int First => Array.FindIndex(_relays, relay => relay.Endpoint == Circuit.Hops[0].Target.Endpoint);

    public void Begin(bool download)
    {
        _near.Sends = !download;
        _far.Sends = download;
        _near.Connect(s_web);
    }

    /// <summary>Mbit/s that arrive at the application in the time to come.</summary>
    public double Measure(TimeSpan time)
    {
        var before = _near.Arrived + _far.Arrived;
        World.Run(time);
        return (_near.Arrived + _far.Arrived - before) * 8 / time.TotalSeconds / 1e6;
    }

    sealed class Host(World world, Stack stack, Action<byte[]> send)
    {
        readonly Queue<byte[]> _waiting = new();
        readonly byte[] _room = new byte[2048];
        TcpConnection? _connection;
        Instant _turnAt = Instant.Never;

        public Stack Stack => stack;
        public bool Sends { get; set; }
        public long Arrived { get; private set; }
        public int Accepted { get; private set; }
        public bool IsBroken => _connection is { IsClosed: true } or { Failure: not TcpFailure.None };

        public void Receive(byte[] packet)
        {
            _waiting.Enqueue(packet);
            TurnAt(world.Now);
        }

        public void Connect(Endpoint remote)
        {
            _connection = stack.Connect(remote, this, world.Now);
            TurnAt(world.Now);
        }

        void TurnAt(Instant when)
        {
            if (when >= _turnAt)
                return;
            _turnAt = when;
            world.At(when, () =>
            {
                if (_turnAt == when)
                    Turn();
            });
        }

        void Turn()
        {
            _turnAt = Instant.Never;
            while (_waiting.TryDequeue(out var packet))
                stack.Receive(packet, world.Now);
            if (stack.NextTimeout <= world.Now)
                stack.HandleTimeout(world.Now);
            while (stack.TryTakeReady(out var connection))
                Serve(connection);
            while (stack.TryTransmit(_room, world.Now, out var length))
                send(_room[..length]);
            if (stack.NextTimeout != Instant.Never)
                TurnAt(Instant.Max(stack.NextTimeout, world.Now));
        }

        void Serve(TcpConnection connection)
        {
            if (connection.IsIncoming)
            {
                connection.AcceptIncoming();
                Accepted++;
            }
            _connection = connection;
            Arrived += connection.Readable.Length;
            connection.Consume(connection.Readable.Length);
            while (Sends && connection.IsEstablished && connection.Writable is { IsEmpty: false } room)
                connection.Commit(room.Length);
        }
    }
}
