using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Simulation;

namespace Macro.Crypto.Tests;

public class AeadTests
{
    const int Cases = 100_000, MostBytes = 300;

    [Fact]
    public void A_batch_equals_one_by_one_and_the_base_library()
    {
        var random = new SeededRandom(8439);
        var keys = new byte[32][];
        var ours = new AeadKey[keys.Length];
        var theirs = new ChaCha20Poly1305[keys.Length];
        for (var i = 0; i < keys.Length; i++)
        {
            random.Fill(keys[i] = new byte[32]);
            ours[i] = new AeadKey(keys[i]);
            theirs[i] = new ChaCha20Poly1305(keys[i]);
        }
        var buffer = new byte[20 * (MostBytes + Aead.TagSize)];
        var single = new byte[buffer.Length];
        var library = new byte[buffer.Length];
        var nonce = new byte[12];

        for (var done = 0; done < Cases;)
        {
            random.Fill(buffer);
            var jobs = RandomJobs(random, ours, out var keyOf);
            var plain = (byte[])buffer.Clone();
            buffer.CopyTo(single, 0);
            buffer.CopyTo(library, 0);

            Aead.Seal(buffer, jobs);
            for (var i = 0; i < jobs.Length; i++)
            {
                var job = jobs[i];
                job.Key.Seal(job.Counter, single.AsSpan(job.Offset, job.Length), single.AsSpan(job.Offset + job.Length, Aead.TagSize));
                BinaryPrimitives.WriteUInt64LittleEndian(nonce.AsSpan(4), job.Counter);
                theirs[keyOf[i]].Encrypt(nonce, plain.AsSpan(job.Offset, job.Length), library.AsSpan(job.Offset, job.Length), library.AsSpan(job.Offset + job.Length, Aead.TagSize));
            }
            Assert.True(buffer.AsSpan().SequenceEqual(single));
            Assert.True(buffer.AsSpan().SequenceEqual(library));
            Assert.All(jobs, job => Assert.True(job.Ok));

            // One tag or text is spoiled: that one alone must not open.
            var spoiled = random.NextInt(jobs.Length);
            buffer[jobs[spoiled].Offset + random.NextInt(jobs[spoiled].Length + Aead.TagSize)] ^= (byte)(1 << random.NextInt(8));
            Aead.Open(buffer, jobs);
            for (var i = 0; i < jobs.Length; i++)
            {
                Assert.Equal(i != spoiled, jobs[i].Ok);
                if (i != spoiled)
                    Assert.True(buffer.AsSpan(jobs[i].Offset, jobs[i].Length).SequenceEqual(plain.AsSpan(jobs[i].Offset, jobs[i].Length)));
            }
            done += jobs.Length;
        }
    }

    [Fact]
    public void A_wiped_key_neither_seals_nor_opens()
    {
        var key = new AeadKey(new byte[32]);
        var text = new byte[20];
        var tag = new byte[16];
        key.Seal(1, text, tag);
        key.Dispose();

        Assert.False(key.TryOpen(1, text, tag));
        Assert.Throws<ObjectDisposedException>(() => key.Seal(2, text, tag));
    }

    [Fact]
    public void A_batch_never_leaves_a_text_in_the_clear_when_its_key_was_wiped()
    {
        var key = new AeadKey(new byte[32]);
        key.Dispose();
        var buffer = new byte[48];
        buffer.AsSpan().Fill(7);
        AeadJob[] jobs = [new AeadJob { Key = key, Length = 32 }];

        Aead.Seal(buffer, jobs);

        Assert.False(jobs[0].Ok);
        Assert.Equal(new byte[48], buffer);
    }

    [Fact]
    public void A_key_wiped_under_way_never_seals_with_part_of_itself()
    {
        var expected = new byte[80];
        var secret = new byte[32];
        new SeededRandom(1).Fill(secret);
        using (var key = new AeadKey(secret))
            key.Seal(5, expected.AsSpan(..64), expected.AsSpan(64..));

        for (var round = 0; round < 500; round++)
        {
            using var key = new AeadKey(secret);
            using var start = new Barrier(2);
            var disposer = new Thread(() =>
            {
                start.SignalAndWait();
                Thread.SpinWait(round % 50);
                key.Dispose();
            });
            disposer.Start();
            start.SignalAndWait();
            var buffer = new byte[80];
            while (true)
            {
                buffer.AsSpan().Clear();
                if (!key.TrySeal(5, buffer.AsSpan(..64), buffer.AsSpan(64..)))
                    break;
                Assert.Equal(expected, buffer);
            }
            disposer.Join();
        }
    }

    static AeadJob[] RandomJobs(SeededRandom random, AeadKey[] keys, out int[] keyOf)
    {
        var jobs = new AeadJob[1 + random.NextInt(20)];
        keyOf = new int[jobs.Length];
        var offset = 0;
        for (var i = 0; i < jobs.Length; i++)
        {
            keyOf[i] = random.NextInt(keys.Length);
            jobs[i] = new AeadJob { Key = keys[keyOf[i]], Counter = random.NextUInt64(), Offset = offset, Length = random.NextInt(MostBytes + 1) };
            offset += jobs[i].Length + Aead.TagSize;
        }
        return jobs;
    }
}
