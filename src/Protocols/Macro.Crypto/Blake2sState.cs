using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using System.Security.Cryptography;

namespace Macro.Crypto;

/// <summary>
/// One BLAKE2s computation (RFC 7693) on the stack: <see cref="Begin"/>, <see cref="Update"/> as often as needed,
/// <see cref="Finish"/>, which wipes it. Allocates nothing, so that a flood of forged handshakes costs only time.
/// </summary>
struct Blake2sState
{
    const int BlockSize = 64, Rounds = 10;

    static readonly Vector128<uint> InitialLow = Vector128.Create(0x6a09e667u, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a);
    static readonly Vector128<uint> InitialHigh = Vector128.Create(0x510e527fu, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);

    Vector128<uint> _low, _high;
    ulong _counter;
    int _filled;
    Block _block;

    [InlineArray(BlockSize)]
    struct Block
    {
        byte _first;
    }

    /// <summary>
    /// The order in which a round takes the 16 message words (RFC 7693 2.7), regrouped for rows of four: the first and
    /// second words of the four columns, then the first and second words of the four diagonals.
    /// </summary>
    static ReadOnlySpan<byte> Schedule =>
    [
        0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15,
        14, 4, 9, 13, 10, 8, 15, 6, 1, 0, 11, 5, 12, 2, 7, 3,
        11, 12, 5, 15, 8, 0, 2, 13, 10, 3, 7, 9, 14, 6, 1, 4,
        7, 3, 13, 11, 9, 1, 12, 14, 2, 5, 4, 15, 6, 10, 0, 8,
        9, 5, 2, 10, 0, 7, 4, 15, 14, 11, 6, 3, 1, 12, 8, 13,
        2, 6, 0, 8, 12, 10, 11, 3, 4, 7, 15, 1, 13, 5, 14, 9,
        12, 1, 14, 4, 5, 15, 13, 10, 0, 6, 9, 8, 7, 3, 2, 11,
        13, 7, 12, 3, 11, 14, 1, 9, 5, 15, 8, 2, 0, 4, 6, 10,
        6, 14, 11, 0, 15, 9, 3, 8, 12, 13, 1, 10, 2, 7, 4, 5,
        10, 8, 7, 1, 2, 4, 6, 5, 15, 9, 3, 13, 11, 14, 12, 0,
    ];

    /// <param name="size">Bytes of the result, 1..32.</param>
    /// <param name="key">Up to 32 bytes; empty for the plain hash.</param>
    public void Begin(int size, ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, 32);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, 32);
        _low = InitialLow ^ Vector128.CreateScalar(0x01010000u | ((uint)key.Length << 8) | (uint)size);
        _high = InitialHigh;
        _counter = 0;
        _filled = 0;
        if (key.IsEmpty)
            return;
        Span<byte> block = _block;
        block.Clear();
        key.CopyTo(block);
        _filled = BlockSize;
    }

    public void Update(ReadOnlySpan<byte> input)
    {
        Span<byte> block = _block;
        // The last block is compressed with a mark of its own, so a full block waits until more input is certain.
        while (input.Length > BlockSize - _filled)
        {
            if (_filled == 0)
            {
                Compress(input[..BlockSize], BlockSize, last: false);
                input = input[BlockSize..];
                continue;
            }
            var room = BlockSize - _filled;
            input[..room].CopyTo(block[_filled..]);
            input = input[room..];
            Compress(block, BlockSize, last: false);
            _filled = 0;
        }
        input.CopyTo(block[_filled..]);
        _filled += input.Length;
    }

    /// <summary>Writes the first bytes of the result, as many as <paramref name="hash"/> holds.</summary>
    public void Finish(Span<byte> hash)
    {
        Span<byte> block = _block;
        block[_filled..].Clear();
        Compress(block, _filled, last: true);

        Span<byte> result = stackalloc byte[32];
        for (var i = 0; i < 4; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(result[(4 * i)..], _low[i]);
            BinaryPrimitives.WriteUInt32LittleEndian(result[(16 + 4 * i)..], _high[i]);
        }
        result[..hash.Length].CopyTo(hash);
        CryptographicOperations.ZeroMemory(result);
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(new Span<Blake2sState>(ref this)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    void Compress(ReadOnlySpan<byte> block, int bytes, bool last)
    {
        _counter += (ulong)bytes;
        var a = _low;
        var b = _high;
        var c = InitialLow;
        var d = InitialHigh ^ Vector128.Create((uint)_counter, (uint)(_counter >> 32), last ? uint.MaxValue : 0, 0);
        for (var round = 0; round < Rounds; round++)
        {
            Gather(block, Schedule.Slice(16 * round, 16), out var x0, out var y0, out var x1, out var y1);
            Mix(ref a, ref b, ref c, ref d, x0, y0);
            // Turn the rows so that the diagonals stand as columns, and back.
            b = Vector128.Shuffle(b, Vector128.Create(1u, 2, 3, 0));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(3u, 0, 1, 2));
            Mix(ref a, ref b, ref c, ref d, x1, y1);
            b = Vector128.Shuffle(b, Vector128.Create(3u, 0, 1, 2));
            c = Vector128.Shuffle(c, Vector128.Create(2u, 3, 0, 1));
            d = Vector128.Shuffle(d, Vector128.Create(1u, 2, 3, 0));
        }
        _low ^= a ^ c;
        _high ^= b ^ d;
    }

    /// <summary>The 16 words of a block in a round's order: by one permutation where the processor has it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Gather(
        ReadOnlySpan<byte> block, ReadOnlySpan<byte> order,
        out Vector128<uint> x0, out Vector128<uint> y0, out Vector128<uint> x1, out Vector128<uint> y1)
    {
        if (Avx512F.IsSupported)
        {
            var words = Avx512F.PermuteVar16x32(Vector512.Create(block).AsUInt32(), Avx512F.ConvertToVector512UInt32(Vector128.Create(order)));
            (x0, y0) = (words.GetLower().GetLower(), words.GetLower().GetUpper());
            (x1, y1) = (words.GetUpper().GetLower(), words.GetUpper().GetUpper());
            return;
        }
        x0 = Row(block, order);
        y0 = Row(block, order[4..]);
        x1 = Row(block, order[8..]);
        y1 = Row(block, order[12..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> Row(ReadOnlySpan<byte> block, ReadOnlySpan<byte> order) =>
        Vector128.Create(Word(block, order[0]), Word(block, order[1]), Word(block, order[2]), Word(block, order[3]));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static uint Word(ReadOnlySpan<byte> block, int index) => BinaryPrimitives.ReadUInt32LittleEndian(block.Slice(4 * index, 4));

    /// <summary>The mixing function G (RFC 7693 3.1) on four columns at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Mix(ref Vector128<uint> a, ref Vector128<uint> b, ref Vector128<uint> c, ref Vector128<uint> d, Vector128<uint> x, Vector128<uint> y)
    {
        a += b + x;
        d = RotateRight(d ^ a, 16);
        c += d;
        b = RotateRight(b ^ c, 12);
        a += b + y;
        d = RotateRight(d ^ a, 8);
        c += d;
        b = RotateRight(b ^ c, 7);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static Vector128<uint> RotateRight(Vector128<uint> value, [ConstantExpected] byte bits) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.RotateRight(value, bits) : (value >>> bits) | (value << (32 - bits));
}
