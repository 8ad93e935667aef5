using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.UserMode;

/// <summary>
/// Where stacks meet sockets: one lock, and two kinds of callers that run to completion under it. Pump threads bring
/// packets (<see cref="HostedStack.Write"/>); the loop's own thread waits for sockets, for the next timeout and for posted
/// work. Whoever holds the lock serves what became ready and transmits what the stacks want to send before it lets go.
/// </summary>
/// <remarks>
/// Everything that lives in the loop (connections, splices, sockets of its reactor, timers) is touched only under the
/// lock: from within the loop's own calls, or in work given to <see cref="Post"/>.
/// </remarks>
public sealed class StackLoop : IDisposable
{
    /// <summary>The wait is on a clock that stops while the machine sleeps; timeouts are on one that does not.</summary>
    static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(10);

    static readonly TimeSpan s_trimInterval = TimeSpan.FromMinutes(1);

    /// <summary>Bytes of buffers that are worth a collection: an idle node would make none by itself.</summary>
    const long WorthCollecting = 32 << 20;

    // What one call of the sending socket takes: 128 packets with room for all the layers of a circuit.
    const int TransmitSlots = 128;
    const int TransmitBytes = TransmitSlots * 2048;

    readonly Lock _gate = new();
    readonly BootClock _clock;
    readonly Thread _thread;
    readonly List<HostedStack> _stacks = [];
    readonly Deadlines<ILoopTimer> _timers = new();
    readonly Queue<Action> _posted = new();
    readonly PacketBatch _transmit = new(TransmitBytes, TransmitSlots);
    Queue<ILoopWork> _backlog = new();
    Queue<ILoopWork> _continuing = new();
    Instant _sleepsUntil;
    Instant _trimsAt;
    volatile bool _stopping;
    bool _started;

    /// <param name="memory">Of the TCP buffers of all stacks here; guarded by this loop's lock.</param>
    public StackLoop(string name, BootClock clock, TcpMemory memory)
    {
        ArgumentNullException.ThrowIfNull(clock);
        (_clock, Memory, Now) = (clock, memory, clock.Now);
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    public TcpMemory Memory { get; }

    /// <summary>Watches the sockets of everything here. Under the lock.</summary>
    public Reactor Reactor { get; } = new();

    /// <summary>The time as it was when this turn began. Under the lock.</summary>
    public Instant Now { get; private set; }

    public void Start()
    {
        _started = true;
        _thread.Start();
    }

    /// <summary>Takes a stack in. Any thread.</summary>
    /// <param name="transmit">
    /// Sends IP packets of the stack on their way, each with <paramref name="headroom"/> free bytes before and
    /// <paramref name="tailroom"/> after it. Called under the lock, by whichever thread holds it; must not wait, nor call the loop.
    /// </param>
    public HostedStack Add(Stack stack, Action<PacketBatch> transmit, int headroom, int tailroom)
    {
        lock (_gate)
        {
            var hosted = new HostedStack(this, stack, transmit, headroom, tailroom);
            _stacks.Add(hosted);
            return hosted;
        }
    }

    /// <summary>Has work done under the lock, soon, on the loop's thread. Any thread; after the end it is dropped.</summary>
    public void Post(Action work)
    {
        lock (_posted)
            _posted.Enqueue(work);
        Reactor.Wake();
    }

    /// <summary>Does work under the lock, now, on the caller's thread, and what follows from it.</summary>
    public void Enter(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        lock (_gate)
        {
            Now = _clock.Now;
            work();
            Settle();
            WakeIfSooner();
        }
    }

    /// <summary>Posts a function and gives back what it returns or throws.</summary>
    public Task<T> RunAsync<T>(Func<T> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() =>
        {
            try
            {
                completion.SetResult(function());
            }
            catch (Exception failure)
            {
                completion.SetException(failure);
            }
        });
        return completion.Task;
    }

    /// <summary>Sets or moves a timer; <see cref="Instant.Never"/> removes it. Under the lock.</summary>
    public void SetTimer(ILoopTimer timer, Instant when) => _timers.Set(timer, when);

    /// <summary>Has something go on in the next turn, so that others get theirs. Under the lock.</summary>
    public void Later(ILoopWork work) => _backlog.Enqueue(work);

    /// <summary>Ends the thread and closes every stack. Sockets that no stack's member holds are left to their owners.</summary>
    public void Dispose()
    {
        if (_stopping)
            return;
        _stopping = true;
        Reactor.Wake();
        if (_started && Thread.CurrentThread != _thread)
            _thread.Join();
        lock (_gate)
        {
            while (_stacks.Count > 0)
                Remove(_stacks[^1]);
            Reactor.Dispose();
        }
    }

    internal void Write(HostedStack stack, PacketBatch packets)
    {
        lock (_gate)
        {
            if (stack.IsClosed)
                return;
            Now = _clock.Now;
            stack.Receive(packets, Now);
            Settle();
            WakeIfSooner();
        }
    }

    internal void Remove(HostedStack stack)
    {
        lock (_gate)
        {
            if (stack.IsClosed)
                return;
            Now = _clock.Now;
            stack.EndMembers();
            // The last words of its connections, for as long as the circuit still carries them.
            Settle();
            _stacks.Remove(stack);
        }
    }

    void Run()
    {
        while (!_stopping)
        {
            Reactor.Wait(PrepareToWait());
            lock (_gate)
            {
                Now = _clock.Now;
                Reactor.Dispatch();
                RunPosted();
                RunTimers();
                RunBacklog();
                Settle();
                Trim();
            }
        }
    }

    TimeSpan PrepareToWait()
    {
        lock (_gate)
        {
            _sleepsUntil = _backlog.Count > 0 ? Instant.UnixEpoch : NextTimeout();
            var wait = _sleepsUntil == Instant.Never ? s_longestWait : _sleepsUntil - _clock.Now;
            return wait < s_longestWait ? wait : s_longestWait;
        }
    }

    void RunPosted()
    {
        while (true)
        {
            Action? work;
            lock (_posted)
                if (!_posted.TryDequeue(out work))
                    return;
            work();
        }
    }

    void RunTimers()
    {
        while (_timers.TryTakeDue(Now, out var timer))
            timer.HandleTimeout(Now);
        // By index: a handler may add a stack.
        for (var i = 0; i < _stacks.Count; i++)
            if (_stacks[i].Stack.NextTimeout <= Now)
                _stacks[i].Stack.HandleTimeout(Now);
    }

    void RunBacklog()
    {
        (_backlog, _continuing) = (_continuing, _backlog);
        while (_continuing.TryDequeue(out var work))
            work.Continue();
    }

    /// <summary>Gives back the buffers of a rush that is over.</summary>
    void Trim()
    {
        if (Now < _trimsAt)
            return;
        _trimsAt = Now + s_trimInterval;
        if (Memory.Trim() >= WorthCollecting)
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: false);
    }

    /// <summary>Serves whoever is ready, then sends: what one handler does may make a connection of another stack ready.</summary>
    void Settle()
    {
        bool any;
        do
        {
            any = false;
            for (var i = 0; i < _stacks.Count; i++)
                any |= _stacks[i].ServeReady();
        }
        while (any);
        for (var i = 0; i < _stacks.Count; i++)
            _stacks[i].Transmit(_transmit, Now);
    }

    /// <summary>The thread sleeps until a moment that it knew before this turn.</summary>
    void WakeIfSooner()
    {
        if (_backlog.Count > 0 || NextTimeout() < _sleepsUntil)
            Reactor.Wake();
    }

    Instant NextTimeout()
    {
        var next = _timers.Next;
        foreach (var stack in _stacks)
            next = Instant.Min(next, stack.Stack.NextTimeout);
        return next;
    }
}
