using Macro.Circuits;
using Macro.Core;
using Macro.NetStack;
using Macro.UserMode;

namespace Macro.Daemon.Pump;

/// <summary>
/// The end of the circuits of one isolation key that is a TCP/IP stack of this program. Every circuit gets a fresh stack:
/// when it is lost, what hung on it is told so at once. But for the members of <see cref="ICircuitEnd"/> it is used under
/// the loop's lock.
/// </summary>
sealed class StackEnd(CircuitEnds all, IsolationKey key) : ICircuitEnd
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    readonly List<Waiting> _waiting = [];
    volatile HostedStack? _stack;
    volatile int _waiters;

    /// <summary>Whoever asked before the circuit stood, and until when he waits.</summary>
    sealed class Waiting(StackEnd end, ICircuitWaiter waiter) : ILoopTimer
    {
        public ICircuitWaiter Waiter => waiter;

        int IDeadline.Place { get; set; }

        void ILoopTimer.HandleTimeout(Instant now) => end.GiveUp(this);
    }

    public IsolationKey Key => key;

    public bool IsInUse => _waiters > 0 || _stack is { MemberCount: > 0 };

    public Circuit? Circuit { set => all.Loop.Post(() => Turn(value)); }

    public void Write(PacketBatch packets) => _stack?.Write(packets);

    public void Close() => all.Loop.Post(() => all.Retire(this));

    /// <summary>Answers at once when the circuit stands, else when it does.</summary>
    public void Open(ICircuitWaiter waiter)
    {
        if (_stack is { } stack)
        {
            waiter.HandleCircuit(stack, CircuitRefusal.None);
            return;
        }
        var waiting = new Waiting(this, waiter);
        _waiting.Add(waiting);
        _waiters = _waiting.Count;
        all.Loop.SetTimer(waiting, all.Loop.Now + s_patience);
        all.Ask(this);
    }

    /// <summary>True while somebody waits.</summary>
    public bool IsAwaited => _waiting.Count > 0;

    public void Refuse(CircuitRefusal why) => Answer(null, why);

    /// <summary>The circuit is another one now, or there is none.</summary>
    void Turn(Circuit? circuit)
    {
        _stack?.Close();
        _stack = circuit is null ? null : all.Host(circuit);
        if (_stack is { } stack)
            Answer(stack, CircuitRefusal.None);
        else if (IsAwaited)
            all.Ask(this);
    }

    void Answer(HostedStack? stack, CircuitRefusal why)
    {
        Waiting[] waiting = [.. _waiting];
        _waiting.Clear();
        _waiters = 0;
        foreach (var one in waiting)
        {
            all.Loop.SetTimer(one, Instant.Never);
            one.Waiter.HandleCircuit(stack, why);
        }
    }

    void GiveUp(Waiting waiting)
    {
        _waiting.Remove(waiting);
        _waiters = _waiting.Count;
        waiting.Waiter.HandleCircuit(null, CircuitRefusal.TimedOut);
    }
}
