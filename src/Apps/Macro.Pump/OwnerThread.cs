using Macro.Core;
using Macro.Linux;

namespace Macro.Pump;

/// <summary>Control state with one owner thread, which calls these and nobody else does.</summary>
public interface IOwned
{
    /// <summary>When <see cref="HandleTimeout"/> wants to be called; <see cref="Instant.Never"/> for never.</summary>
    Instant NextTimeout { get; }

    /// <summary>A letter from a pump thread.</summary>
    /// <param name="waiting">Letters that still wait behind it: a measure of load.</param>
    void HandleLetter(in Letter letter, int waiting, Instant now);

    void HandleTimeout(Instant now);

    /// <summary>Called after a run of letters, timeouts or posted work: the time to send what has gathered.</summary>
    void Flush(Instant now);
}

/// <summary>
/// The one thread that owns control state. It sleeps until a letter comes, until work is posted from async code, or until
/// the state's next timeout.
/// </summary>
public sealed class OwnerThread : IDisposable
{
    /// <summary>The wait is on a clock that stops while the machine sleeps; timeouts are on one that does not.</summary>
    static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(10);

    /// <summary>A flood must not keep the answers from leaving.</summary>
    const int LettersBeforeFlush = 64;

    readonly Thread _thread;
    readonly BootClock _clock;
    readonly IOwned _owned;
    readonly object _gate = new();
    readonly Mailbox _mailbox;
    readonly Queue<Action> _work = new();
    long _overflow;
    bool _stopping;

    /// <param name="letters">Slots of the mailbox.</param>
    public OwnerThread(string name, IOwned owned, BootClock clock, int letters = 1024)
    {
        _owned = owned;
        _clock = clock;
        _mailbox = new Mailbox(letters);
        _thread = new Thread(Run) { IsBackground = true, Name = name };
    }

    /// <summary>Letters that were refused because the mailbox was full.</summary>
    public long Overflow => Volatile.Read(ref _overflow);

    public void Start() => _thread.Start();

    /// <summary>Posts from a pump thread: copies the bytes, never waits for the owner. False, and counted, when the mailbox is full.</summary>
    public bool TryPost(in Letter letter)
    {
        lock (_gate)
        {
            if (_mailbox.TryPost(letter))
            {
                if (_mailbox.Count == 1)
                    Monitor.Pulse(_gate);
                return true;
            }
        }
        Interlocked.Increment(ref _overflow);
        return false;
    }

    /// <summary>Runs a function on the owner thread. Its exception goes to the caller; a stopped thread cancels it.</summary>
    public Task<T> RunAsync<T>(Func<T> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_gate)
        {
            if (_stopping)
                return Task.FromCanceled<T>(new CancellationToken(canceled: true));
            _work.Enqueue(Work);
            Monitor.Pulse(_gate);
        }
        return completion.Task;

        void Work()
        {
            if (Volatile.Read(ref _stopping))
            {
                completion.SetCanceled();
                return;
            }
            try
            {
                completion.SetResult(function());
            }
            catch (Exception failure)
            {
                completion.SetException(failure);
            }
        }
    }

    /// <inheritdoc cref="RunAsync{T}(Func{T})"/>
    public Task RunAsync(Action action) => RunAsync(() =>
    {
        action();
        return true;
    });

    /// <summary>Ends the thread after what it is doing; waits for that unless called on it.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }
        if (_thread.IsAlive && Thread.CurrentThread != _thread)
            _thread.Join();
    }

    void Run()
    {
        while (WaitForWork())
        {
            for (var handled = 0; handled < LettersBeforeFlush && TryTake(out var letter, out var work); handled++)
            {
                if (work is null)
                    _owned.HandleLetter(letter, _mailbox.Count, _clock.Now);
                else
                    work();
            }
            if (_owned.NextTimeout <= _clock.Now)
                _owned.HandleTimeout(_clock.Now);
            _owned.Flush(_clock.Now);
        }
        foreach (var abandoned in _work)
            abandoned();
    }

    /// <summary>False when the thread is to end.</summary>
    bool WaitForWork()
    {
        lock (_gate)
        {
            while (!_stopping && _mailbox.Count == 0 && _work.Count == 0)
            {
                var wait = _owned.NextTimeout - _clock.Now;
                if (wait <= TimeSpan.Zero)
                    return true;
                // Rounded up: a wait that ends a moment early would spin.
                Monitor.Wait(_gate, (int)Math.Ceiling(Math.Min(wait.TotalMilliseconds, s_longestWait.TotalMilliseconds)));
            }
            return !_stopping;
        }
    }

    bool TryTake(out Letter letter, out Action? work)
    {
        lock (_gate)
        {
            letter = default;
            return _work.TryDequeue(out work) || _mailbox.TryTake(out letter);
        }
    }
}
