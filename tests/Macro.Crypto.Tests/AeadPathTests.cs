using System.Diagnostics;
using System.Globalization;
using Macro.Core;
using Macro.Crypto.Batch;
using Macro.Simulation;

namespace Macro.Crypto.Tests;

/// <summary>Every way of computing a batch that this processor has, against vectors, the base library and its own promises.</summary>
[Collection(nameof(Alone))]
public class AeadPathTests
{
    /// <summary>Set for a child of these tests: the implementation that must be chosen there.</summary>
    const string Expectation = "MACRO_EXPECT_AEAD";

    /// <summary>How many random packets; ./bench aead --prove sets ten million.</summary>
    const string CasesSetting = "MACRO_AEAD_CASES";

    const int CasesOtherwise = 1_000_000;

    static IEnumerable<VectorPath> Paths => Enum.GetValues<VectorPath>().Where(VectorPaths.IsSupported);

    public static TheoryData<string> PathNames => [.. Paths.Select(path => path.ToString())];

    [Fact]
    public void The_fastest_path_of_the_processor_is_chosen_and_passes_its_self_test()
    {
        Assert.Null(Aead.SelfTestFailed);
        Assert.Equal(VectorPaths.Name(Paths.Max()), Aead.Implementation);
        if (Environment.GetEnvironmentVariable(Expectation) is { } expected)
            Assert.Equal(expected, Aead.Implementation);
    }

    [Fact]
    public void A_path_that_fails_its_self_test_is_named_and_the_next_one_chosen()
    {
        Assert.Equal((VectorPath.Avx512, null), VectorPaths.Choose(_ => true, _ => true));
        Assert.Equal((VectorPath.Avx2, VectorPath.Avx512), VectorPaths.Choose(_ => true, path => path != VectorPath.Avx512));
        Assert.Equal((VectorPath.Library, VectorPath.Avx512), VectorPaths.Choose(_ => true, _ => false));
        Assert.Equal((VectorPath.Library, VectorPath.Avx2), VectorPaths.Choose(path => path != VectorPath.Avx512, _ => false));
        Assert.Equal((VectorPath.Library, null), VectorPaths.Choose(_ => false, _ => true));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void Every_vector_seals_and_opens_alone_and_in_any_lane(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        using var otherKey = new AeadKey(new byte[32]);

        Assert.Empty(VectorFile.Failures("chacha20-poly1305-batch.txt", vector =>
            Enumerable.Range(0, 17).All(lane => SealsAndOpensAsSaid(path, vector, lane, texts: 17, otherKey))
            && SealsAndOpensAsSaid(path, vector, lane: 0, texts: 1, otherKey)));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void A_wiped_key_zeroes_its_text_and_no_other(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        var random = new SeededRandom(4);
        using var key = new AeadKey(new byte[32]);
        var wiped = new AeadKey(new byte[32]);
        wiped.Dispose();
        for (var texts = 1; texts <= 40; texts++)
        {
            var jobs = new AeadJob[texts];
            var offset = 0;
            for (var i = 0; i < texts; i++)
            {
                jobs[i] = new AeadJob { Key = random.NextInt(3) == 0 ? wiped : key, Counter = (ulong)i, Offset = offset, Length = random.NextInt(200) };
                offset += jobs[i].Length + Aead.TagSize;
            }
            var plain = new byte[offset];
            random.Fill(plain);
            byte[] buffer = [.. plain];

            Aead.Seal(path, buffer, jobs);
            Assert.All(jobs, job =>
            {
                Assert.Equal(job.Key == key, job.Ok);
                if (!job.Ok)
                    Assert.False(buffer.AsSpan(job.Offset, job.Length + Aead.TagSize).ContainsAnyExcept((byte)0));
            });
            Aead.Open(path, buffer, jobs);
            Assert.All(jobs, job =>
            {
                Assert.Equal(job.Key == key, job.Ok);
                if (job.Ok)
                    Assert.True(buffer.AsSpan(job.Offset, job.Length).SequenceEqual(plain.AsSpan(job.Offset, job.Length)));
            });
        }
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void Nothing_is_allocated_once_a_thread_has_sealed(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        using var key = new AeadKey(new byte[32]);
        var buffer = new byte[64 * 1516];
        var jobs = new AeadJob[64];
        for (var i = 0; i < jobs.Length; i++)
            jobs[i] = new AeadJob { Key = key, Counter = (ulong)i, Offset = 1516 * i, Length = 1500 - i };

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var texts = 1; texts <= jobs.Length; texts++)
            {
                Aead.Seal(path, buffer, jobs.AsSpan(0, texts));
                Aead.Open(path, buffer, jobs.AsSpan(0, texts));
            }
        }));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void No_secret_stays_behind_in_the_scratch(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        using var key = new AeadKey([.. Enumerable.Repeat((byte)0xa5, 32)]);
        var buffer = new byte[40 * 116];
        var jobs = new AeadJob[40];
        for (var i = 0; i < jobs.Length; i++)
            jobs[i] = new AeadJob { Key = key, Counter = (ulong)i, Offset = 116 * i, Length = 100 };

        Aead.Seal(path, buffer, jobs);
        Assert.True(BatchScratch.OfThisThread.IsWiped);
        Aead.Open(path, buffer, jobs);
        Assert.True(BatchScratch.OfThisThread.IsWiped);
    }

    [Theory]
    [InlineData(-1, 10)]
    [InlineData(0, -1)]
    [InlineData(0, 85)]
    [InlineData(101, 0)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(0, int.MaxValue)]
    public void A_text_beyond_the_buffer_is_refused_before_anything_is_written(int offset, int length)
    {
        using var key = new AeadKey(new byte[32]);
        var buffer = new byte[100];
        AeadJob[] jobs = [new AeadJob { Key = key, Length = 16 }, new AeadJob { Key = key, Offset = offset, Length = length }];
        foreach (var path in Paths)
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => Aead.Seal(path, buffer, jobs));
            Assert.Throws<ArgumentOutOfRangeException>(() => Aead.Open(path, buffer, jobs));
        }
        Assert.False(buffer.AsSpan().ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void Equals_the_base_library_on_random_batches()
    {
        var cases = int.Parse(Environment.GetEnvironmentVariable(CasesSetting) ?? $"{CasesOtherwise}", CultureInfo.InvariantCulture);
        var threads = Math.Max(1, Environment.ProcessorCount);
        var checks = Enumerable.Range(0, threads).Select(i => new AeadComparison([.. Paths], seed: (ulong)i)).ToArray();

        Parallel.ForEach(checks, new ParallelOptions { MaxDegreeOfParallelism = threads }, check => check.Run((cases + threads - 1) / threads));

        Assert.All(checks, check => Assert.Null(check.Difference));
        Assert.True(checks.Sum(check => check.Done) >= cases);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512", "AVX2")]
    [InlineData("DOTNET_EnableAVX2", "libsodium")]
    public void Falls_back_where_the_runtime_switches_vectors_off(string setting, string expected)
    {
        Assert.SkipUnless(Paths.Contains(VectorPath.Avx2), "this processor has no AVX2");
        if (Environment.GetEnvironmentVariable(Expectation) is not null)
            return; // the child
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-noLogo", "-noColor", "-class", typeof(AeadPathTests).FullName!])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { [setting] = "0", [Expectation] = expected, [CasesSetting] = "50000" },
        };

        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();

        Assert.True(child.ExitCode == 0, output);
    }

    /// <summary>The vector's text in one lane of a batch whose other texts are of other lengths.</summary>
    static bool SealsAndOpensAsSaid(VectorPath path, VectorLine vector, int lane, int texts, AeadKey otherKey)
    {
        using var key = new AeadKey(vector.Bytes(1));
        byte[] plain = vector.Bytes(3), sealedText = [.. vector.Bytes(4), .. vector.Bytes(5)];
        var jobs = new AeadJob[texts];
        var offset = 3;
        for (var i = 0; i < texts; i++)
        {
            jobs[i] = i == lane
                ? new AeadJob { Key = key, Counter = ulong.Parse(vector.Words[2], CultureInfo.InvariantCulture), Offset = offset, Length = plain.Length }
                : new AeadJob { Key = otherKey, Counter = (ulong)i, Offset = offset, Length = (plain.Length + 37 * i) % 300 };
            offset += jobs[i].Length + Aead.TagSize;
        }
        var buffer = new byte[offset];
        var its = buffer.AsSpan(jobs[lane].Offset, sealedText.Length);
        if (vector.IsValid)
        {
            plain.CopyTo(its);
            Aead.Seal(path, buffer, jobs);
            if (!jobs[lane].Ok || !its.SequenceEqual(sealedText))
                return false;
        }
        else
        {
            Aead.Seal(path, buffer, jobs);
            sealedText.CopyTo(its);
        }
        Aead.Open(path, buffer, jobs);
        return jobs.Index().All(job => job.Item.Ok == (job.Index != lane || vector.IsValid)) && (!vector.IsValid || its[..plain.Length].SequenceEqual(plain));
    }
}
