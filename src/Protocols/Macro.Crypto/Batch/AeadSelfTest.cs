using System.Buffers.Binary;

namespace Macro.Crypto.Batch;

/// <summary>
/// Compares a path with the library at start, so that a processor, a runtime or a build that computes something else
/// costs speed and not secrecy: batches of every size up to two slices, texts of odd lengths at odd places, keys mixed.
/// Takes some twenty milliseconds, most of them for compilation that the first batch would need anyway.
/// </summary>
static class AeadSelfTest
{
    const int Keys = 5, MostTexts = 2 * BatchScratch.MostTexts + 1, LongestText = 1600;

    /// <summary>The lengths where blocks, chunks and slots begin and end, and what the tunnel mostly carries.</summary>
    static ReadOnlySpan<int> EdgeLengths => [0, 1, 15, 16, 17, 32, 63, 64, 65, 127, 128, 1023, 1024, 1280, 1420, 1500];

    public static bool Passes(VectorPath path)
    {
        Span<byte> seed = stackalloc byte[AeadKey.Size];
        var keys = new AeadKey[Keys];
        for (var i = 0; i < Keys; i++)
        {
            seed.Fill((byte)(0x5a + i));
            keys[i] = new AeadKey(seed);
        }
        var fits = SealsFixedCase(path);
        for (var texts = 1; texts <= MostTexts && fits; texts++)
            fits = Agrees(path, keys, texts);
        foreach (var key in keys)
            key.Dispose();
        return fits;
    }

    /// <summary>One case computed elsewhere, so that a wrong library would be seen, too: the empty text under a zero key and counter.</summary>
    static bool SealsFixedCase(VectorPath path)
    {
        using var key = new AeadKey(new byte[AeadKey.Size]);
        var buffer = new byte[Aead.TagSize];
        AeadJob[] jobs = [new AeadJob { Key = key }];
        Aead.Seal(path, buffer, jobs);
        return buffer.AsSpan().SequenceEqual(EmptyTag);
    }

    static ReadOnlySpan<byte> EmptyTag => [0x4e, 0xb9, 0x72, 0xc9, 0xa8, 0xfb, 0x3a, 0x1b, 0x38, 0x2b, 0xb4, 0xd3, 0x6f, 0x5f, 0xfa, 0xd1];

    static bool Agrees(VectorPath path, AeadKey[] keys, int texts)
    {
        var numbers = (ulong)texts;
        var jobs = new AeadJob[texts];
        var end = 0;
        for (var i = 0; i < texts; i++)
        {
            var pick = Next(ref numbers);
            jobs[i] = new AeadJob
            {
                Key = keys[pick % Keys],
                Counter = Next(ref numbers),
                Offset = end + (int)(pick >> 8 & 15),
                Length = Length(texts, pick >> 16),
            };
            end = jobs[i].Offset + jobs[i].Length + Aead.TagSize;
        }
        var plain = new byte[end];
        for (var i = 0; i + 8 <= end; i += 8)
            BinaryPrimitives.WriteUInt64LittleEndian(plain.AsSpan(i), Next(ref numbers));

        byte[] buffer = [.. plain], expected = [.. plain];
        Aead.Seal(path, buffer, jobs);
        Aead.Seal(VectorPath.Library, expected, jobs);
        if (!buffer.AsSpan().SequenceEqual(expected))
            return false;

        var forged = (int)(Next(ref numbers) % (ulong)texts);
        buffer[jobs[forged].Offset + (int)(Next(ref numbers) % (ulong)(jobs[forged].Length + Aead.TagSize))] ^= 0x10;
        Aead.Open(path, buffer, jobs);
        for (var i = 0; i < texts; i++)
        {
            var (offset, length) = (jobs[i].Offset, jobs[i].Length);
            if (jobs[i].Ok == (i == forged) || (i != forged && !buffer.AsSpan(offset, length).SequenceEqual(plain.AsSpan(offset, length))))
                return false;
        }
        return true;
    }

    /// <summary>Few texts are long, since the lanes cut those up; of more, half have a length at an edge.</summary>
    static int Length(int texts, ulong pick) =>
        texts <= 3 ? LongestText - (int)(pick % 256)
        : (pick & 1) == 0 ? EdgeLengths[(int)(pick >> 8) & 15]
        : (int)((pick >> 8) % (LongestText + 1));

    /// <summary>SplitMix64: the cases are the same at every start.</summary>
    internal static ulong Next(ref ulong state)
    {
        state += 0x9e3779b97f4a7c15;
        var mixed = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        return mixed ^ (mixed >> 31);
    }
}
