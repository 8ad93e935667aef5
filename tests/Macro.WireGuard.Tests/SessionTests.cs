using System.Collections.Concurrent;

namespace Macro.WireGuard.Tests;

/// <summary>The fast path under several threads.</summary>
public class SessionTests
{
    [Fact]
    public void Threads_that_seal_share_no_counter_and_never_meet_a_wiped_key()
    {
        var pair = new Pair().Connected();
        var session = pair.Alice.Tunnel.Sending!;
        var counters = new ConcurrentBag<ulong>();
        using var started = new CountdownEvent(4);

        var threads = Start(4, () =>
        {
            var datagram = new byte[128];
            started.Signal();
            for (var length = 1; length != 0;)
            {
                length = session.Seal([1, 2, 3], datagram, pair.Now, 1420);
                if (length != 0)
                    counters.Add(Message.ReadCounter(datagram));
            }
        });
        started.Wait();
        while (counters.Count < 1000)
            Thread.Yield();
        pair.Alice.Tunnel.Dispose();
        Join(threads);

        Assert.Equal(counters.Count, counters.Distinct().Count());
        Assert.True(session.SendKey.IsWiped);
    }

    [Fact]
    public void Threads_that_open_the_same_datagrams_accept_each_once()
    {
        var pair = new Pair().Connected();
        var session = pair.Bob.Tunnel.Sending!;
        var datagrams = Enumerable.Range(0, 2000).Select(_ =>
        {
            var datagram = new byte[48];
            Assert.Equal(48, pair.Alice.Tunnel.Sending!.Seal([1], datagram, pair.Now, 1420));
            return datagram;
        }).ToArray();
        var accepted = 0;

        Join(Start(4, () =>
        {
            foreach (var datagram in datagrams)
                if (session.TryOpen(datagram.ToArray(), pair.Now, out _))
                    Interlocked.Increment(ref accepted);
        }));

        Assert.Equal(datagrams.Length, accepted);
    }

    static Thread[] Start(int count, Action work)
    {
        var threads = Enumerable.Range(0, count).Select(_ => new Thread(() => work())).ToArray();
        foreach (var thread in threads)
            thread.Start();
        return threads;
    }

    static void Join(Thread[] threads)
    {
        foreach (var thread in threads)
            thread.Join();
    }
}
