using System.Diagnostics;
using Macro.Core;
using Macro.Linux;
using Macro.NetStack;

namespace Macro.StackPeer;

/// <summary>
/// Two stacks talk to each other in memory before anything is measured. The product is compiled ahead of time; here the
/// runtime would compile our TCP while it runs, in the very round trips of slow start.
/// </summary>
static class WarmUp
{
    const int LosesEvery = 97, BytesPerTurn = 256 << 10;

    static readonly TimeSpan s_time = TimeSpan.FromSeconds(1);
    static readonly Endpoint s_far = Endpoint.Parse("10.255.0.2:5000");

    public static void Run()
    {
        var memory = new TcpMemory(64 << 20);
        var (near, far) = (NewStack("10.255.0.1", memory), NewStack("10.255.0.2", memory));
        far.Listen(s_far, s_far);
        var connections = new List<TcpConnection>();
        var (room, passed, now) = (new byte[2048], 0, Instant.FromUnixSeconds(1000));
        near.Connect(s_far, null, now);
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < s_time; now += TimeSpan.FromMilliseconds(5))
        {
            near.HandleTimeout(now);
            far.HandleTimeout(now);
            Take(near);
            Take(far);
            connections.ForEach(Use);
            Pass(near, far);
            Pass(far, near);
        }
        near.AbortAll();
        far.AbortAll();

        void Take(Stack stack)
        {
            while (stack.TryTakeReady(out var connection))
            {
                connection.AcceptIncoming();
                if (!connections.Contains(connection))
                    connections.Add(connection);
            }
        }

        void Pass(Stack from, Stack to)
        {
            while (from.TryTransmit(room, now, out var length))
                if (++passed % LosesEvery != 0)
                    to.Receive(room.AsSpan(0, length), now);
        }
    }

    static void Use(TcpConnection connection)
    {
        while (connection.Readable is { Length: > 0 } bytes)
            connection.Consume(bytes.Length);
        for (var written = 0; written < BytesPerTurn && connection.Writable is { Length: > 0 } space; written += space.Length)
            connection.Commit(space.Length);
    }

    static Stack NewStack(string address, TcpMemory memory) =>
        new(new StackOptions { Addresses = [IpAddress.Parse(address)] }, memory, new SystemRandom());
}
