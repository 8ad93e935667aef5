using Macro.Circuits;
using Macro.Core;
using Macro.Engine;
using Macro.Linux;
using Macro.NetStack;
using Macro.Pump;
using Macro.UserMode;

namespace Macro.Daemon.Pump;

/// <summary>
/// The ends of the circuits that proxies and resolvers use, one for each isolation key, all in one loop. Asks the
/// controller for circuits and passes its refusals on; never is there a way that leads beside a circuit.
/// </summary>
sealed class CircuitEnds : ICircuitEnds, IDisposable
{
    /// <summary>Bytes of TCP buffers for all connections of all proxies.</summary>
    const long Memory = 256 << 20;

    readonly NodeThreads _threads;
    readonly StackOptions _options;
    readonly Dictionary<IsolationKey, StackEnd> _ends = [];

    /// <param name="farLoopback">In a network on one machine, loopback addresses are far ends.</param>
    public CircuitEnds(NodeThreads threads, bool farLoopback)
    {
        _threads = threads;
        _options = new StackOptions { Addresses = [AddressPair.Inner.V4, AddressPair.Inner.V6], Mtu = CircuitMtu.Inner, FarLoopback = farLoopback };
        Loop = new StackLoop("client stacks", threads.Clock, new TcpMemory(Memory));
        Shared = new StackEnd(this, IsolationKey.Shared);
        _ends[Shared.Key] = Shared;
        Loop.Start();
    }

    public StackLoop Loop { get; }

    /// <summary>The end of whoever gives no isolation key.</summary>
    public StackEnd Shared { get; }

    /// <summary>What was sent into circuits from here.</summary>
    public PlaneCounters Counters { get; } = new();

    void ICircuitEnds.Open(IsolationKey key, ICircuitWaiter waiter)
    {
        if (!_ends.TryGetValue(key, out var end))
            _ends[key] = end = new StackEnd(this, key);
        end.Open(waiter);
    }

    public void Dispose() => Loop.Dispose();

    /// <summary>Asks the controller for the circuit of an end; it turns up there, or those who wait are refused.</summary>
    internal void Ask(StackEnd end) => _ = _threads.RunAsync(() =>
    {
        var refusal = Use(_threads.Node.Controller, end);
        if (refusal != CircuitRefusal.None)
            Loop.Post(() => Refuse(end, refusal));
    });

    /// <summary>The controller has closed the end. Who asked since then is given another one.</summary>
    internal void Retire(StackEnd end)
    {
        if (end.IsAwaited)
            Ask(end);
        else if (end != Shared)
            _ends.Remove(end.Key);
    }

    /// <summary>A stack of its own for a circuit.</summary>
    internal HostedStack Host(Circuit circuit)
    {
        ClientPlane? plane = null;
        return Loop.Add(new Stack(_options, Loop.Memory, SystemRandom.Shared), Transmit, ClientPlane.Headroom, ClientPlane.Tailroom);

        void Transmit(PacketBatch packets)
        {
            plane ??= new ClientPlane(_threads, packets.Capacity) { Circuit = circuit, Counters = Counters };
            plane.Handle(packets, _threads.Clock.Now);
            _threads.Send(packets);
            if (plane.Copies is { Count: > 0 } copies)
                _threads.Send(copies);
        }
    }

    CircuitRefusal Use(Controller controller, StackEnd end)
    {
        if (!controller.TryUse(end.Key, () => end, _threads.Clock.Now, out var kept))
            return controller.Main is null ? CircuitRefusal.Down : CircuitRefusal.TooMany;
        return kept!.LooksHopeless ? CircuitRefusal.Failed : CircuitRefusal.None;
    }

    void Refuse(StackEnd end, CircuitRefusal why)
    {
        end.Refuse(why);
        if (why != CircuitRefusal.Failed)
            Retire(end);
    }
}
