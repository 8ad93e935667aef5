using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Bench;

/// <summary>What one core does with initiations, made beforehand and from clients that it never saw: per second of CPU.</summary>
static class Handshakes
{
    static readonly Instant s_start = Instant.FromUnixSeconds(1_700_000_000);

    public static void Run(int count)
    {
        foreach (var warmUp in (bool[])[true, false])
        {
            var clients = warmUp ? Math.Min(count, 2_000) : count;
            Report(warmUp, "relay: answered", Answered(clients));
            var (cookies, withCookie) = UnderLoad(clients);
            Report(warmUp, "relay under load: cookie replies", cookies);
            Report(warmUp, "relay under load: answered to a cookie", withCookie);
            Report(warmUp, "relay: refused for a wrong MAC1", Refused(clients));
            Report(warmUp, "macro-wg: answered", AnsweredByDevice(clients));
        }
    }

    static void Report(bool warmUp, string measure, double value)
    {
        if (!warmUp)
            Program.Report($"{measure} (1/s per core)", value);
    }

    static double Answered(int count)
    {
        var random = new SeededRandom(2);
        var relay = new ServingRelay(PrivateKey.Generate(random), count, random);
        var pace = TimeSpan.FromMilliseconds(2.5);
        var initiations = Initiations(Clients(count, relay.PublicKey, random), i => s_start + (i * pace));
        var rate = PerSecond(count, i => relay.HandleHandshake(initiations[i], Source(i), s_start + (i * pace)));
        Expect(count, relay.Counters.Handshakes);
        return rate;
    }

    /// <summary>Ten thousand a second: first a cookie each, then the initiation that bears it.</summary>
    static (double Cookies, double Answered) UnderLoad(int count)
    {
        const int Calm = 500;
        var random = new SeededRandom(3);
        var relay = new ServingRelay(PrivateKey.Generate(random), Calm + count, random);
        var calm = Initiations(Clients(Calm, relay.PublicKey, random), _ => s_start);
        for (var i = 0; i < Calm; i++)
            relay.HandleHandshake(calm[i], Source(i), s_start);

        var clients = Clients(count, relay.PublicKey, random);
        var initiations = Initiations(clients, _ => s_start);
        var replies = new byte[count][];
        var cookies = PerSecond(count, i =>
        {
            relay.HandleHandshake(initiations[i], Source(i), s_start);
            replies[i] = relay.Answer.ToArray();
        });
        Expect(count, relay.Counters.Cookies);

        var (later, pace) = (s_start + TimeSpan.FromSeconds(6), TimeSpan.FromMilliseconds(0.1));
        for (var i = 0; i < count; i++)
        {
            clients[i].Receive(replies[i], s_start);
            initiations[i] = clients[i].Retry(later);
        }
        var before = relay.Counters.Handshakes;
        var answered = PerSecond(count, i => relay.HandleHandshake(initiations[i], Source(i), later + (i * pace)));
        Expect(count, relay.Counters.Handshakes - before);
        return (cookies, answered);
    }

    static double Refused(int count)
    {
        var random = new SeededRandom(4);
        using var other = PrivateKey.Generate(random);
        var relay = new ServingRelay(PrivateKey.Generate(random), count, random);
        var initiations = Initiations(Clients(count, other.PublicKey, random), _ => s_start);
        var rate = PerSecond(count, i => relay.HandleHandshake(initiations[i], Source(i), s_start));
        Expect(count, relay.Counters.Unknown);
        return rate;
    }

    static double AnsweredByDevice(int count)
    {
        var random = new SeededRandom(5);
        using var device = new Device(random);
        device.SetPrivateKey(PrivateKey.Generate(random), s_start);
        var keys = Enumerable.Range(0, count).Select(_ => PrivateKey.Generate(random)).ToArray();
        foreach (var key in keys)
            device.AddOrGetPeer(key.PublicKey, s_start);
        var initiations = Initiations([.. keys.Select(key => new Initiator(key, device.PrivateKey!.PublicKey, random))], _ => s_start);
        var answers = 0;
        var rate = PerSecond(count, i =>
        {
            device.HandleHandshake(initiations[i], Source(i), underLoad: false, s_start);
            while (device.TryTakeTransmit(out var transmit))
                answers += transmit.Datagram.Length == Message.ResponseSize ? 1 : 0;
        });
        Expect(count, answers);
        return rate;
    }

    static Initiator[] Clients(int count, PublicKey responder, IRandom random) =>
        [.. Enumerable.Range(0, count).Select(_ => new Initiator(PrivateKey.Generate(random), responder, random))];

    static byte[][] Initiations(Initiator[] clients, Func<int, Instant> at) => [.. clients.Select((client, i) => client.Initiate(at(i)))];

    static Endpoint Source(int number) => new(IpAddress.Read([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 1000);

    static double PerSecond(int count, Action<int> handle)
    {
        GC.Collect();
        var before = Environment.CpuUsage.TotalTime;
        for (var i = 0; i < count; i++)
            handle(i);
        return count / (Environment.CpuUsage.TotalTime - before).TotalSeconds;
    }

    static void Expect(long expected, long actual)
    {
        if (actual != expected)
            throw new InvalidOperationException($"{actual} of {expected} initiations had the expected outcome.");
    }
}
