using System.Net.Sockets;
using Macro.Core;
using Macro.Daemon.Pump;
using Macro.Nat.Classification;
using Macro.Nat.Stun;

namespace Macro.Daemon.Traversal;

/// <summary>Runs an examination of one address family: on the node's port, and on two sockets that are opened for it.</summary>
static class NetworkExamination
{
    static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(20), s_longest = TimeSpan.FromSeconds(150);

    /// <returns>What the servers answered; null where this machine has no address of that family.</returns>
    public static async Task<IReadOnlyList<BindingResult>?> RunAsync(
        NodeThreads threads, bool v4, IReadOnlyList<Endpoint> servers, IReadOnlyCollection<Endpoint> own, bool learnLifetime, uint mark, CancellationToken cancel)
    {
        if (!own.Any(endpoint => endpoint.Address.IsV4 == v4))
            return null;
        var sockets = new LanSocket(null, mark);
        using var first = sockets.Datagrams(v4 ? IpAddress.V4Any : IpAddress.V6Any);
        using var second = sockets.Datagrams(v4 ? IpAddress.V4Any : IpAddress.V6Any);
        var examination = await threads.RunAsync(() => threads.Node.Traversal.Examine(v4, servers, own, learnLifetime, threads.Clock.Now));
        (Socket Socket, ProbeSocket Part)[] probes = [(first, ProbeSocket.First), (second, ProbeSocket.Second)];
        foreach (var (socket, part) in probes)
            _ = LanSocket.ReceiveAsync(socket, (datagram, source) => _ = threads.RunAsync(
                () => threads.Node.Traversal.HandleProbe(examination, part, datagram, source, threads.Clock.Now)));
        var deadline = threads.Clock.Now + s_longest;
        try
        {
            while (true)
            {
                var (isDone, silentUntil) = await threads.RunAsync(() => (Flush(examination, probes), examination.SilentUntil));
                var now = threads.Clock.Now;
                if (isDone || now >= deadline)
                    break;
                var silence = Instant.Min(silentUntil, deadline) - now;
                await Task.Delay(silence > s_pace ? silence : s_pace, cancel);
            }
        }
        finally
        {
            await threads.RunAsync(() => threads.Node.Traversal.End(examination));
        }
        return examination.Answers;
    }

    static bool Flush(NatExamination examination, (Socket Socket, ProbeSocket Part)[] probes)
    {
        foreach (var (socket, part) in probes)
        {
            var batch = examination.OutboxOf(part).Batch;
            LanSocket.Send(socket, batch);
            batch.Clear();
        }
        return examination.IsDone;
    }
}
