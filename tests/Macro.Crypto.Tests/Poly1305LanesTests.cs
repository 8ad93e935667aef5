using System.Numerics;
using System.Runtime.InteropServices;
using Macro.Crypto.Batch;

namespace Macro.Crypto.Tests;

/// <summary>
/// The Poly1305 kernels against RFC 8439 2.5 in big integers, where their sums are largest: keys and texts of all ones, which no batch of sealed packets
/// would meet.
/// </summary>
public class Poly1305LanesTests
{
    const int Chunks = 24;

    static readonly BigInteger s_prime = (BigInteger.One << 130) - 5;

    static readonly (ulong Low, ulong High)[] s_keys =
        [(ulong.MaxValue, ulong.MaxValue), (0, 0), (1, 0), (ulong.MaxValue, 0), (0, ulong.MaxValue), (0x0123456789abcdef, 0xfedcba9876543210)];

    [Fact]
    public void The_largest_sums_are_right()
    {
        if (VectorPaths.IsSupported(VectorPath.Avx512))
            Compare<Poly1305x16>();
        if (VectorPaths.IsSupported(VectorPath.Avx2))
            Compare<Poly1305x8>();
    }

    static void Compare<TLanes>() where TLanes : struct, IPoly1305Lanes
    {
        for (var lanes = 1; lanes <= TLanes.Lanes; lanes++)
        {
            Compare<TLanes>(lanes, (_, _) => 0xff);
            Compare<TLanes>(lanes, (_, _) => 0);
            Compare<TLanes>(lanes, (lane, at) => (byte)(lane + at / 16 % 3 == 0 ? 0xff : 0x80));
        }
    }

    static void Compare<TLanes>(int lanes, Func<int, int, byte> text) where TLanes : struct, IPoly1305Lanes
    {
        var rows = new ulong[Poly1305Lanes.Rows * Poly1305Lanes.MostLanes];
        var words = new ulong[2 * Poly1305Lanes.MostLastBlocks * Poly1305Lanes.MostLanes];
        var texts = new int[Poly1305Lanes.MostLanes];
        var buffer = new byte[lanes * Chunks * Poly1305Lanes.ChunkSize];
        var expected = new BigInteger[lanes];
        for (var lane = 0; lane < lanes; lane++)
        {
            texts[lane] = lane * Chunks * Poly1305Lanes.ChunkSize;
            var bytes = buffer.AsSpan(texts[lane], Chunks * Poly1305Lanes.ChunkSize);
            for (var at = 0; at < bytes.Length; at++)
                bytes[at] = text(lane, at);
            var (low, high) = s_keys[lane % s_keys.Length];
            Poly1305Lanes.Start(ref rows[0], lane, low, high);
            expected[lane] = Sum(low, high, bytes);
        }
        // In two parts, since a sum is put away and taken up again between them.
        TLanes.Absorb(ref rows[0], ref buffer[0], ref texts[0], Chunks - 1, ref words[0], lanes);
        TLanes.Absorb(ref rows[0], ref buffer[(Chunks - 1) * Poly1305Lanes.ChunkSize], ref texts[0], 1, ref words[0], lanes);
        for (var lane = 0; lane < lanes; lane++)
        {
            var (low, high, top) = Poly1305Lanes.Sum(ref rows[0], lane);
            Assert.InRange(top, 0u, 4u);
            Assert.Equal(expected[lane], (low + ((BigInteger)high << 64) + ((BigInteger)top << 128)) % s_prime);
        }
    }

    static BigInteger Sum(ulong low, ulong high, ReadOnlySpan<byte> text)
    {
        var r = (low & Poly1305.ClampLow) + ((BigInteger)(high & Poly1305.ClampHigh) << 64);
        var sum = BigInteger.Zero;
        foreach (var word in MemoryMarshal.Cast<byte, UInt128>(text))
            sum = (sum + (BigInteger.One << 128) + word) * r % s_prime;
        return sum;
    }
}
