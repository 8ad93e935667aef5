using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Macro.Api;

namespace Macro.Daemon.Hosting;

/// <summary>
/// The status of the node and those who watch it. The engine publishes; each watcher has a queue of its own, so that it
/// sees every phase as it passes, and a slow one loses the oldest, never the newest.
/// </summary>
public sealed class StatusFeed(Status initial)
{
    const int Queue = 64;

    readonly Lock _lock = new();
    readonly List<Channel<Status>> _watchers = [];
    Status _current = initial;
    bool _closed;

    public Status Current
    {
        get
        {
            lock (_lock)
                return _current;
        }
    }

    /// <summary>Makes this the current status and tells the watchers, unless nothing changed.</summary>
    public void Publish(Status status)
    {
        lock (_lock)
        {
            if (status == _current)
                return;
            _current = status;
            foreach (var watcher in _watchers)
                watcher.Writer.TryWrite(status);
        }
    }

    /// <summary>Publishes what <paramref name="change"/> makes of the current status, as one step.</summary>
    public Status Change(Func<Status, Status> change)
    {
        lock (_lock)
        {
            Publish(change(_current));
            return _current;
        }
    }

    /// <summary>Ends all watches: the node stops.</summary>
    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            foreach (var watcher in _watchers)
                watcher.Writer.TryComplete();
        }
    }

    /// <summary>The current status at once, then every change, until the feed closes or the watcher cancels.</summary>
    public async IAsyncEnumerable<Status> WatchAsync([EnumeratorCancellation] CancellationToken cancel = default)
    {
        var channel = Channel.CreateBounded<Status>(new BoundedChannelOptions(Queue)
        {
            FullMode = BoundedChannelFullMode.DropOldest,
            SingleReader = true,
        });
        lock (_lock)
        {
            channel.Writer.TryWrite(_current);
            if (_closed)
                channel.Writer.TryComplete();
            else
                _watchers.Add(channel);
        }
        try
        {
            await foreach (var status in channel.Reader.ReadAllAsync(cancel))
                yield return status;
        }
        finally
        {
            lock (_lock)
                _watchers.Remove(channel);
        }
    }
}
