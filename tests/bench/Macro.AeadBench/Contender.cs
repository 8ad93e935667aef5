using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Crypto;
using Macro.Crypto.Batch;

namespace Macro.AeadBench;

/// <summary>One way to seal and open a batch.</summary>
abstract class Contender(string name)
{
    public string Name => name;

    public abstract void Seal(byte[] buffer, AeadJob[] jobs);

    /// <summary>Sets <see cref="AeadJob.Ok"/> of every job.</summary>
    public abstract void Open(byte[] buffer, AeadJob[] jobs);

    /// <summary>Those that this machine can run, ours first.</summary>
    public static IReadOnlyList<Contender> All(AeadKey[] keys, byte[][] bytes)
    {
        var all = new List<Contender>();
        foreach (var path in (VectorPath[])[VectorPath.Avx512, VectorPath.Avx2, VectorPath.Library])
        {
            if (VectorPaths.IsSupported(path))
                all.Add(new Ours(path));
        }
        all.Add(new WithOpenSsl(keys, bytes));
        all.Add(new WithBaseLibrary(keys, bytes));
        return all;
    }
}

sealed class Ours(VectorPath path) : Contender(VectorPaths.Name(path))
{
    public override void Seal(byte[] buffer, AeadJob[] jobs) => Aead.Seal(path, buffer, jobs);

    public override void Open(byte[] buffer, AeadJob[] jobs) => Aead.Open(path, buffer, jobs);
}

sealed class WithOpenSsl(AeadKey[] keys, byte[][] bytes) : Contender("OpenSSL")
{
    readonly Dictionary<AeadKey, OpenSsl> _contexts = keys.Index().ToDictionary(key => key.Item, key => new OpenSsl(bytes[key.Index]));

    public override void Seal(byte[] buffer, AeadJob[] jobs)
    {
        foreach (ref var job in jobs.AsSpan())
            _contexts[job.Key].Seal(job.Counter, buffer.AsSpan(job.Offset, job.Length), buffer.AsSpan(job.Offset + job.Length, 16));
    }

    public override void Open(byte[] buffer, AeadJob[] jobs)
    {
        foreach (ref var job in jobs.AsSpan())
            job.Ok = _contexts[job.Key].TryOpen(job.Counter, buffer.AsSpan(job.Offset, job.Length), buffer.AsSpan(job.Offset + job.Length, 16));
    }
}

sealed class WithBaseLibrary(AeadKey[] keys, byte[][] bytes) : Contender("BCL")
{
    readonly Dictionary<AeadKey, ChaCha20Poly1305> _ciphers = keys.Index().ToDictionary(key => key.Item, key => new ChaCha20Poly1305(bytes[key.Index]));
    readonly byte[] _nonce = new byte[12];

    public override void Seal(byte[] buffer, AeadJob[] jobs)
    {
        foreach (ref var job in jobs.AsSpan())
        {
            var text = buffer.AsSpan(job.Offset, job.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(_nonce.AsSpan(4), job.Counter);
            _ciphers[job.Key].Encrypt(_nonce, text, text, buffer.AsSpan(job.Offset + job.Length, 16));
        }
    }

    public override void Open(byte[] buffer, AeadJob[] jobs)
    {
        foreach (ref var job in jobs.AsSpan())
        {
            var text = buffer.AsSpan(job.Offset, job.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(_nonce.AsSpan(4), job.Counter);
            try
            {
                _ciphers[job.Key].Decrypt(_nonce, text, buffer.AsSpan(job.Offset + job.Length, 16), text);
                job.Ok = true;
            }
            catch (AuthenticationTagMismatchException)
            {
                job.Ok = false;
            }
        }
    }
}

/// <summary>Nanoseconds per packet of <paramref name="Size"/> bytes in batches, by contender.</summary>
sealed record Measurement(int Size, int Batch, Dictionary<string, double> Nanoseconds);
