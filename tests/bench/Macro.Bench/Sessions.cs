using System.Diagnostics;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Simulation;
using Macro.WireGuard;

namespace Macro.Bench;

/// <summary>Many clients on one relay, each with one session and one channel: memory of each, and the time of a look-up.</summary>
static class Sessions
{
    /// <summary>Few enough a second that the relay never asks for cookies.</summary>
    static readonly TimeSpan s_pace = TimeSpan.FromMilliseconds(2.5);

    const int RequestSize = 160;

    public static void Run(int count)
    {
        var random = new SeededRandom(1);
        var relay = new ServingRelay(PrivateKey.Generate(random), count, random);
        var start = Instant.FromUnixSeconds(1_700_000_000);
        var indices = new uint[count];
        var bindings = new (Endpoint NextHop, uint Index)[count];
        // Made while the client lives and handed over later, so that what a channel adds can be told apart.
        var requests = new byte[count * 2 * RequestSize];
        var lengths = new int[count * 2];

        for (var i = 0; i < count; i++)
            bindings[i] = (ServingRelay.NextHop(i % 1000), random.NextUInt32() | 1);

        var before = Memory();
        for (var i = 0; i < count; i++)
        {
            var now = start + (i * s_pace);
            using var client = new Initiator(PrivateKey.Generate(random), relay.PublicKey, random);
            relay.HandleHandshake(client.Initiate(now), Source(i), now);
            if (relay.Answer.Length != Message.ResponseSize)
                throw new InvalidOperationException("The relay gave no response.");
            Message.TryReadSender(relay.Answer, out indices[i]);
            client.Receive(relay.Answer, now);
            relay.HandleData(client.Request(new Probe { Token = 1 }, now), now);
            Keep(client.Request(new Extend { Channel = 1, Descriptor = BitConverter.GetBytes(i % 1000) }, now), 2 * i);
            Keep(client.Request(new Bind { Channel = 1, Index = bindings[i].Index }, now), 2 * i + 1);
            if (IsMark(i + 1, count))
                Program.Report($"index look-up among {i + 1} (ns)", Time(i + 1, random, n => relay.Indices.TryFind(indices[n], out _, out var session) && session is not null));
        }
        var withSessions = Memory();

        // A relay refuses the few indices that one of its own sessions has, too: the client would take another.
        var channels = 0;
        for (var i = 0; i < count; i++)
        {
            relay.HandleData(requests.AsSpan(2 * i * RequestSize, lengths[2 * i]), start + (i * s_pace));
            relay.HandleData(requests.AsSpan((2 * i + 1) * RequestSize, lengths[2 * i + 1]), start + (i * s_pace));
            if (!relay.Switches.TryFind(bindings[i].NextHop, bindings[i].Index, out _))
                continue;
            bindings[channels++] = bindings[i];
            if (IsMark(i + 1, count))
                Program.Report($"switch look-up among {i + 1} (ns)", Time(channels, random, n => relay.Switches.TryFind(bindings[n].NextHop, bindings[n].Index, out _)));
        }
        var withChannels = Memory();
        if (channels < count * 0.999)
            throw new InvalidOperationException($"{channels} channels of {count} stand.");

        var keys = Keys(count, random);
        Program.Report("keys of a session (bytes)", keys);
        Program.Report("idle session beside its keys (bytes)", (double)(withSessions - before) / count - keys);
        Program.Report("channel (bytes)", (double)(withChannels - withSessions) / count);
        GC.KeepAlive(relay);

        void Keep(byte[] datagram, int place)
        {
            datagram.CopyTo(requests, place * RequestSize);
            lengths[place] = datagram.Length;
        }
    }

    static Endpoint Source(int number) => new(IpAddress.Read([10, (byte)(number >> 16), (byte)(number >> 8), (byte)number]), 1000);

    static bool IsMark(int number, int count) => number is 1_000 or 10_000 || number == count;

    static long Memory()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }

    /// <summary>Bytes of one session's two transport keys.</summary>
    static double Keys(int count, SeededRandom random)
    {
        var key = new byte[AeadKey.Size];
        random.Fill(key);
        var keys = new AeadKey[2 * count];
        var before = Memory();
        for (var i = 0; i < keys.Length; i++)
            keys[i] = new AeadKey(key);
        var bytes = (double)(Memory() - before) / count;
        GC.KeepAlive(keys);
        return bytes;
    }

    /// <summary>Nanoseconds of one look-up of those made so far, in random order; the best of twenty passes, as the first ones run before the compiler is done.</summary>
    static double Time(int count, SeededRandom random, Func<int, bool> find)
    {
        var order = new int[1_000_000];
        for (var i = 0; i < order.Length; i++)
            order[i] = random.NextInt(count);
        var best = double.MaxValue;
        for (var pass = 0; pass < 20; pass++)
        {
            var began = Stopwatch.GetTimestamp();
            foreach (var n in order)
                if (!find(n))
                    throw new InvalidOperationException("A look-up found nothing.");
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalNanoseconds / order.Length);
        }
        return best;
    }
}
