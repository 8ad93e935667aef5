using CsCheck;
using Org.BouncyCastle.Crypto.Digests;

namespace Macro.Crypto.Tests;

[Collection(nameof(Alone))]
public class Blake2sTests
{
    [Fact]
    public void Computes_every_vector() =>
        Assert.Empty(VectorFile.Failures("blake2s.txt", vector => Compute(vector).AsSpan().SequenceEqual(vector.Bytes(3))));

    [Fact]
    public void Passes_the_self_test_of_rfc_7693_appendix_e()
    {
        Blake2sState grand = default;
        grand.Begin(32, default);
        foreach (var size in (int[])[16, 20, 28, 32])
        {
            foreach (var length in (int[])[0, 3, 64, 65, 255, 1024])
            {
                var input = Sequence(length, length);
                grand.Update(HashOf(size, [], input));
                grand.Update(HashOf(size, Sequence(size, size), input));
            }
        }
        var result = new byte[32];
        grand.Finish(result);

        Assert.Equal("6a411f08ce25adcdfb02aba641451cec53c598b24f4fc787fbdc88797f4c1dfe", Convert.ToHexStringLower(result));
    }

    [Fact]
    public void Equals_another_implementation_however_the_input_is_cut() =>
        Gen.Select(Gen.Byte.Array[0, 400], Gen.Byte.Array[0, 32], Gen.Int[1, 32], Gen.Int[0, 400], Gen.Int[0, 400]).Sample((input, key, size, cut1, cut2) =>
        {
            var (low, high) = (Math.Min(Math.Min(cut1, cut2), input.Length), Math.Min(Math.Max(cut1, cut2), input.Length));
            Blake2sState state = default;
            state.Begin(size, key);
            state.Update(input.AsSpan(..low));
            state.Update(input.AsSpan(low..high));
            state.Update(input.AsSpan(high..));
            var ours = new byte[size];
            state.Finish(ours);

            var other = new Blake2sDigest(key.Length == 0 ? null : key, size, null, null);
            other.BlockUpdate(input, 0, input.Length);
            var theirs = new byte[size];
            other.DoFinal(theirs, 0);
            return ours.AsSpan().SequenceEqual(theirs);
        }, iter: 20_000);

    [Fact]
    public void Output_may_lie_over_the_input()
    {
        var expected = new byte[32];
        var buffer = Sequence(96, 7);
        Blake2s.Hash(expected, buffer.AsSpan(..64), buffer.AsSpan(64..));
        var inPlace = (byte[])buffer.Clone();
        Blake2s.Hash(inPlace.AsSpan(16..48), inPlace.AsSpan(..64), inPlace.AsSpan(64..));
        Assert.Equal(expected, inPlace[16..48]);

        Blake2s.Hmac(expected, buffer.AsSpan(..32), buffer.AsSpan(32..));
        inPlace = (byte[])buffer.Clone();
        Blake2s.Hmac(inPlace.AsSpan(..32), inPlace.AsSpan(..32), inPlace.AsSpan(32..));
        Assert.Equal(expected, inPlace[..32]);

        var second = new byte[32];
        Blake2s.Kdf(buffer.AsSpan(..32), buffer.AsSpan(32..64), expected, second);
        inPlace = (byte[])buffer.Clone();
        Blake2s.Kdf(inPlace.AsSpan(..32), inPlace.AsSpan(32..64), inPlace.AsSpan(..32), inPlace.AsSpan(32..64));
        Assert.Equal([.. expected, .. second], inPlace[..64]);
    }

    [Fact]
    public void Allocates_nothing()
    {
        var buffer = new byte[148];

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                Blake2s.Mac(buffer.AsSpan(116..132), buffer.AsSpan(..32), buffer.AsSpan(..116));
                Blake2s.Kdf(buffer.AsSpan(..32), buffer, buffer.AsSpan(..32), buffer.AsSpan(32..64), buffer.AsSpan(64..96));
            }
        }));
    }

    static byte[] Compute(VectorLine vector)
    {
        var (key, input) = (vector.Bytes(1), vector.Bytes(2));
        var result = new byte[vector.Bytes(3).Length];
        switch (vector.Category)
        {
            case "hash": Blake2s.Hash(result, input.AsSpan(..(input.Length / 2)), input.AsSpan((input.Length / 2)..)); break;
            case "mac": Blake2s.Mac(result, key, input); break;
            case "hmac": Blake2s.Hmac(result, key, input.AsSpan(..(input.Length / 3)), input.AsSpan((input.Length / 3)..)); break;
            case "kdf1": Blake2s.Kdf(key, input, result); break;
            case "kdf2": Blake2s.Kdf(key, input, result.AsSpan(..32), result.AsSpan(32..)); break;
            case "kdf3": Blake2s.Kdf(key, input, result.AsSpan(..32), result.AsSpan(32..64), result.AsSpan(64..)); break;
            default: Assert.Fail(vector.ToString()); break;
        }
        return result;
    }

    static byte[] HashOf(int size, ReadOnlySpan<byte> key, ReadOnlySpan<byte> input)
    {
        Blake2sState state = default;
        state.Begin(size, key);
        state.Update(input);
        var hash = new byte[size];
        state.Finish(hash);
        return hash;
    }

    /// <summary>The Fibonacci generator of appendix E.</summary>
    static byte[] Sequence(int length, int seed)
    {
        var bytes = new byte[length];
        var a = unchecked(0xdead4bad * (uint)seed);
        var b = 1u;
        foreach (ref var element in bytes.AsSpan())
        {
            (a, b) = (b, unchecked(a + b));
            element = (byte)(b >> 24);
        }
        return bytes;
    }
}
