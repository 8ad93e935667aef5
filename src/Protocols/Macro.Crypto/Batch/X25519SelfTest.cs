using System.Buffers.Binary;

namespace Macro.Crypto.Batch;

/// <summary>
/// Compares a path with the library at start, as <see cref="AeadSelfTest"/> does: batches of one to nine, points at random
/// and at the edges of the field. Takes some milliseconds.
/// </summary>
static class X25519SelfTest
{
    const int Rounds = 4, MostJobs = 9;

    /// <summary>RFC 7748 5.2, first vector: a wrong library would be seen, too.</summary>
    const string Scalar = "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4";
    const string Point = "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c";
    const string Result = "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552";

    public static bool Passes(VectorPath path)
    {
        if (!HoldsVector(path))
            return false;
        for (var (round, numbers) = (0, 0ul); round < Rounds; round++)
            for (var jobs = 1; jobs <= MostJobs; jobs++)
                if (!Agrees(path, jobs, ref numbers))
                    return false;
        return true;
    }

    static bool HoldsVector(VectorPath path)
    {
        using var scalar = new SecretBytes(Convert.FromHexString(Scalar));
        var point = new PublicKey(Convert.FromHexString(Point));
        var jobs = new X25519Job[4];
        var results = new byte[X25519.Size * jobs.Length];
        for (var i = 0; i < jobs.Length; i++)
            jobs[i] = new X25519Job { Scalar = scalar, Point = point };
        X25519.Multiply(path, results, jobs);
        return Convert.ToHexStringLower(results) == string.Concat(Enumerable.Repeat(Result, jobs.Length));
    }

    static bool Agrees(VectorPath path, int count, ref ulong numbers)
    {
        Span<byte> bytes = stackalloc byte[X25519.Size];
        var jobs = new X25519Job[count];
        for (var i = 0; i < count; i++)
        {
            Fill(bytes, ref numbers);
            jobs[i].Scalar = new SecretBytes(bytes);
            Fill(bytes, ref numbers);
            // One point in four is close to 2^256, where a number has a second form below p.
            if ((AeadSelfTest.Next(ref numbers) & 3) == 0)
                bytes[1..].Fill(0xff);
            jobs[i].Point = new PublicKey(bytes);
        }
        byte[] results = new byte[X25519.Size * count], expected = new byte[X25519.Size * count];
        var same = jobs.ToArray();
        X25519.Multiply(path, results, jobs);
        X25519.Multiply(VectorPath.Library, expected, same);
        var agrees = results.AsSpan().SequenceEqual(expected);
        for (var i = 0; i < count; i++)
        {
            agrees &= jobs[i].Ok == same[i].Ok;
            jobs[i].Scalar.Dispose();
        }
        return agrees;
    }

    static void Fill(Span<byte> bytes, ref ulong numbers)
    {
        for (var i = 0; i < bytes.Length; i += 8)
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[i..], AeadSelfTest.Next(ref numbers));
    }
}
