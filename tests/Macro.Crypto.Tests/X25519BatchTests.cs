using System.Diagnostics;
using Macro.Core;
using Macro.Crypto.Batch;
using Macro.Simulation;

namespace Macro.Crypto.Tests;

/// <summary>Every way of computing batches that this processor has, against vectors and libsodium.</summary>
[Collection(nameof(Alone))]
public class X25519BatchTests
{
    const int Cases = 100_000;

    /// <summary>Set for a child of these tests: the implementation that must be chosen there.</summary>
    const string Expectation = "MACRO_EXPECT_X25519";

    public static TheoryData<string> PathNames =>
        [.. Enum.GetValues<VectorPath>().Where(VectorPaths.IsSupported).Select(path => path.ToString())];

    /// <summary>0, 1, the points of order 8, p - 1, and what lies beyond p: the points of RFC 7748 6.1 that give all zero, in every form.</summary>
    static readonly string[] s_edges =
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "efffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "0900000000000000000000000000000000000000000000000000000000000000",
    ];

    [Fact]
    public void The_fastest_path_of_the_processor_is_chosen_and_passes_its_self_test()
    {
        Assert.Null(X25519.SelfTestFailed);
        Assert.Equal(VectorPaths.Name(Enum.GetValues<VectorPath>().Where(VectorPaths.IsSupported).Max()), X25519.Implementation);
        if (Environment.GetEnvironmentVariable(Expectation) is { } expected)
            Assert.Equal(expected, X25519.Implementation);
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void Every_vector_holds_in_every_place_of_a_batch(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        var random = new SeededRandom(1);
        Assert.Empty(VectorFile.Failures("x25519.txt", vector => Enumerable.Range(0, 5).All(place =>
        {
            var jobs = Jobs(5, random);
            jobs[place] = new X25519Job { Scalar = new SecretBytes(vector.Bytes(1)), Point = new PublicKey(vector.Bytes(2)) };
            var results = Multiply(path, jobs);
            return results.AsSpan(32 * place, 32).SequenceEqual(vector.Bytes(3)) && jobs[place].Ok == vector.Bytes(3).AsSpan().ContainsAnyExcept((byte)0);
        })));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void Equals_libsodium_on_random_batches_and_points_at_the_edges(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        Parallel.For(0, Environment.ProcessorCount, thread =>
        {
            var random = new SeededRandom((ulong)thread);
            for (var done = 0; done < Cases / Environment.ProcessorCount;)
            {
                var jobs = Jobs(1 + random.NextInt(9), random);
                var same = jobs.ToArray();
                Assert.Equal(Multiply(VectorPath.Library, same), Multiply(path, jobs));
                Assert.Equal(same.Select(j => j.Ok), jobs.Select(j => j.Ok));
                done += jobs.Length;
            }
        });
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void A_thousand_iterations_end_where_the_rfc_says(string name)
    {
        // RFC 7748 5.2: k, u = X25519(k, u), k; in all places of a batch at once.
        var path = Enum.Parse<VectorPath>(name);
        var k = X25519.BasePoint.ToArray();
        var u = k;
        for (var i = 0; i < 1000; i++)
        {
            var jobs = Enumerable.Range(0, 4).Select(_ => new X25519Job { Scalar = new SecretBytes(k), Point = new PublicKey(u) }).ToArray();
            var results = Multiply(path, jobs);
            (k, u) = (results[..32], k);
            Assert.Equal([.. k, .. k, .. k, .. k], results);
        }
        Assert.Equal("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", Convert.ToHexStringLower(k));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void Low_order_points_and_wiped_scalars_are_refused_and_no_others(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        var random = new SeededRandom(3);
        var jobs = Jobs(4, random);
        for (var i = 0; i < jobs.Length; i++)
            jobs[i].Point = X25519.BasePoint;
        jobs[1].Point = default;
        jobs[2].Scalar.Dispose();
        var results = Multiply(path, jobs);
        Assert.Equal([true, false, false, true], jobs.Select(j => j.Ok));
        Assert.False(results.AsSpan(32, 64).ContainsAnyExcept((byte)0));
        Assert.All([0, 3], i => Assert.Equal(PrivateKey.FromBytes(jobs[i].Scalar.Span).PublicKey, new PublicKey(results.AsSpan(32 * i, 32))));
    }

    [Theory]
    [MemberData(nameof(PathNames))]
    public void No_secret_stays_behind_and_nothing_is_allocated(string name)
    {
        var path = Enum.Parse<VectorPath>(name);
        var jobs = Jobs(7, new SeededRandom(5));
        var results = Multiply(path, jobs);
        Assert.Equal(0, Allocations.Least(() => X25519.Multiply(path, results, jobs)));
        Assert.True(X25519Scratch.OfThisThread.IsWiped);
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512", "AVX2")]
    [InlineData("DOTNET_EnableAVX2", "libsodium")]
    public void Every_vector_holds_where_the_runtime_switches_vectors_off(string setting, string expected)
    {
        Assert.SkipUnless(VectorPaths.IsSupported(VectorPath.Avx2), "this processor has no AVX2");
        string[] tests = [nameof(The_fastest_path_of_the_processor_is_chosen_and_passes_its_self_test), nameof(Every_vector_holds_in_every_place_of_a_batch)];
        var start = new ProcessStartInfo(Environment.ProcessPath!, ["-noLogo", "-noColor", .. tests.SelectMany(test => (string[])["-method", $"{typeof(X25519BatchTests).FullName}.{test}"])])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            Environment = { [setting] = "0", [Expectation] = expected },
        };

        using var child = Process.Start(start)!;
        var output = child.StandardOutput.ReadToEnd();
        child.WaitForExit();

        Assert.True(child.ExitCode == 0, output);
    }

    [Fact]
    public void Results_must_have_room_for_every_job() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => X25519.Multiply(new byte[64], new X25519Job[3]));

    static byte[] Multiply(VectorPath path, X25519Job[] jobs)
    {
        var results = new byte[32 * jobs.Length];
        X25519.Multiply(path, results, jobs);
        return results;
    }

    /// <summary>Random scalars; of the points half are at random, a quarter at an edge, a quarter close to 2^255.</summary>
    static X25519Job[] Jobs(int count, SeededRandom random)
    {
        var jobs = new X25519Job[count];
        var bytes = new byte[32];
        for (var i = 0; i < count; i++)
        {
            random.Fill(bytes);
            jobs[i].Scalar = new SecretBytes(bytes);
            random.Fill(bytes);
            var kind = random.NextInt(4);
            if (kind == 1)
                bytes.AsSpan(1 + random.NextInt(31)).Fill(0xff);
            jobs[i].Point = new PublicKey(kind == 0 ? Convert.FromHexString(s_edges[random.NextInt(s_edges.Length)]) : bytes);
        }
        return jobs;
    }
}
