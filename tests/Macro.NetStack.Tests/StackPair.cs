using Macro.Core;
using Macro.Simulation;

namespace Macro.NetStack.Tests;

/// <summary>A client and an exit that answers for every address, with a wire between them that delays, in virtual time.</summary>
sealed class StackPair
{
    static readonly TimeSpan s_delay = TimeSpan.FromMilliseconds(10);

    readonly Queue<(Instant At, byte[] Packet, bool ToExit)> _wire = new();
    readonly byte[] _room = new byte[65536];

    public StackPair(StackOptions? client = null, StackOptions? exit = null)
    {
        Client = new Stack(client ?? new StackOptions { Addresses = [Wire.ClientV4, Wire.ClientV6] }, new TcpMemory(256 << 20), new SeededRandom(1));
        Exit = new Stack(exit ?? new StackOptions(), new TcpMemory(256 << 20), new SeededRandom(2));
        Exit.ListenAny(Listener);
    }

    public object Listener { get; } = new();

    public Stack Client { get; }

    public Stack Exit { get; }

    public Instant Now { get; private set; } = Instant.FromUnixSeconds(1_000_000);

    /// <summary>Sees every packet before it travels; false loses it.</summary>
    public Func<byte[], bool>? Filter { get; set; }

    /// <summary>What the exit does with a connection that comes in.</summary>
    public Action<TcpConnection> OnIncoming { get; set; } = connection => connection.AcceptIncoming();

    /// <summary>What happens on either side when a connection is ready.</summary>
    public Action<TcpConnection> OnReady { get; set; } = _ => { };

    public List<TcpConnection> Accepted { get; } = [];

    /// <summary>Runs until nothing is left to happen before the given time has passed.</summary>
    public void Run(TimeSpan time)
    {
        var end = Now + time;
        while (true)
        {
            Serve(Client);
            Serve(Exit);
            var next = Instant.Min(Client.NextTimeout, Exit.NextTimeout);
            if (_wire.TryPeek(out var first))
                next = Instant.Min(next, first.At);
            if (next > end)
                break;
            Now = Instant.Max(Now, next);
            while (_wire.TryPeek(out first) && first.At <= Now)
            {
                _wire.Dequeue();
                (first.ToExit ? Exit : Client).Receive(first.Packet, Now);
            }
            Client.HandleTimeout(Now);
            Exit.HandleTimeout(Now);
        }
        Now = end;
    }

    void Serve(Stack stack)
    {
        while (stack.TryTakeReady(out var connection))
        {
            if (connection is { IsIncoming: true, Context: var context } && context == Listener)
            {
                Accepted.Add(connection);
                OnIncoming(connection);
            }
            OnReady(connection);
        }
        while (stack.TryTransmit(_room, Now, out var length))
        {
            var packet = _room.AsSpan(0, length).ToArray();
            Wire.AssertSound(packet);
            if (Filter?.Invoke(packet) ?? true)
                _wire.Enqueue((Now + s_delay, packet, stack == Client));
        }
    }
}
