using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;
using Macro.Crypto.Batch;
using Macro.Simulation;

namespace Macro.Crypto.Tests;

/// <summary>
/// Random batches (1 to 64 texts of 0 to 1600 bytes, keys and lengths mixed or alike, texts at random places and in random
/// order) on all paths: each must seal as the base library does, touch nothing else, open again, and refuse the forged.
/// </summary>
sealed class AeadComparison(VectorPath[] paths, ulong seed)
{
    const int Keys = 32, MostTexts = 64, LongestText = 1600, WidestGap = 80;

    readonly SeededRandom _random = new(seed);
    readonly AeadKey[] _keys = new AeadKey[Keys];
    readonly ChaCha20Poly1305[] _ciphers = new ChaCha20Poly1305[Keys];
    readonly AeadJob[] _jobs = new AeadJob[MostTexts];
    readonly int[] _keyOf = new int[MostTexts];
    readonly bool[] _forged = new bool[MostTexts];
    readonly byte[] _noise = new byte[1 << 20];
    readonly byte[] _plain = new byte[Most], _sealed = new byte[Most], _spoiled = new byte[Most], _buffer = new byte[Most];
    readonly byte[] _nonce = new byte[12];

    const int Most = MostTexts * (LongestText + Aead.TagSize + WidestGap);

    /// <summary>Packets compared.</summary>
    public long Done { get; private set; }

    /// <summary>What differed first, or null.</summary>
    public string? Difference { get; private set; }

    public void Run(int packets)
    {
        _random.Fill(_noise);
        for (var i = 0; i < Keys; i++)
        {
            var key = new byte[AeadKey.Size];
            _random.Fill(key);
            _keys[i] = new AeadKey(key);
            _ciphers[i] = new ChaCha20Poly1305(key);
        }
        while (Done < packets && Difference is null)
        {
            var texts = 1 + _random.NextInt(MostTexts);
            Compare(texts);
            Done += texts;
        }
    }

    void Compare(int texts)
    {
        var jobs = _jobs.AsSpan(0, texts);
        var end = Draw(jobs);
        _noise.AsSpan(_random.NextInt(_noise.Length - end), end).CopyTo(_plain);
        SealByBaseLibrary(jobs, end);
        Spoil(jobs, end);
        foreach (var path in paths)
        {
            var buffer = _buffer.AsSpan(0, end);
            _plain.AsSpan(0, end).CopyTo(buffer);
            Aead.Seal(path, buffer, jobs);
            if (!buffer.SequenceEqual(_sealed.AsSpan(0, end)))
                Difference ??= $"{path} seals differently: {Name(jobs)}";

            _spoiled.AsSpan(0, end).CopyTo(buffer);
            Aead.Open(path, buffer, jobs);
            for (var i = 0; i < texts; i++)
            {
                var (offset, length) = (jobs[i].Offset, jobs[i].Length);
                if (jobs[i].Ok == _forged[i] || (jobs[i].Ok && !buffer.Slice(offset, length).SequenceEqual(_plain.AsSpan(offset, length))))
                    Difference ??= $"{path} opens text {i} differently: {Name(jobs)}";
            }
        }
    }

    /// <summary>Draws jobs and returns the end of the last text.</summary>
    int Draw(Span<AeadJob> jobs)
    {
        var alike = _random.NextInt(2) == 0;
        var oneKey = _random.NextInt(2) == 0 ? _random.NextInt(Keys) : -1;
        var longest = _random.NextInt(3) == 0 ? 130 : LongestText;
        var length = _random.NextInt(longest + 1);
        // Nearly alike: as many blocks, more or fewer whole chunks.
        var spread = _random.NextInt(4) == 0 ? 16 : 1;
        var widestGap = _random.NextInt(WidestGap + 1);
        var end = 0;
        for (var i = 0; i < jobs.Length; i++)
        {
            if (!alike || _random.NextInt(16) == 0)
                length = _random.NextInt(longest + 1);
            _keyOf[i] = oneKey >= 0 ? oneKey : _random.NextInt(Keys);
            jobs[i] = new AeadJob { Key = _keys[_keyOf[i]], Counter = _random.NextUInt64(), Offset = end + _random.NextInt(widestGap + 1), Length = Math.Max(0, length - _random.NextInt(spread)) };
            end = jobs[i].Offset + jobs[i].Length + Aead.TagSize;
        }
        for (var i = jobs.Length - 1; i > 0; i--)
        {
            var other = _random.NextInt(i + 1);
            (jobs[i], jobs[other]) = (jobs[other], jobs[i]);
            (_keyOf[i], _keyOf[other]) = (_keyOf[other], _keyOf[i]);
        }
        return end;
    }

    void SealByBaseLibrary(Span<AeadJob> jobs, int end)
    {
        _plain.AsSpan(0, end).CopyTo(_sealed);
        for (var i = 0; i < jobs.Length; i++)
        {
            var text = _sealed.AsSpan(jobs[i].Offset, jobs[i].Length);
            BinaryPrimitives.WriteUInt64LittleEndian(_nonce.AsSpan(4), jobs[i].Counter);
            _ciphers[_keyOf[i]].Encrypt(_nonce, text, text, _sealed.AsSpan(jobs[i].Offset + jobs[i].Length, Aead.TagSize));
        }
    }

    /// <summary>Turns one bit of some texts or tags.</summary>
    void Spoil(Span<AeadJob> jobs, int end)
    {
        _sealed.AsSpan(0, end).CopyTo(_spoiled);
        var often = 1 + _random.NextInt(12);
        for (var i = 0; i < jobs.Length; i++)
        {
            _forged[i] = _random.NextInt(often) == 0;
            if (_forged[i])
                _spoiled[jobs[i].Offset + _random.NextInt(jobs[i].Length + Aead.TagSize)] ^= (byte)(1 << _random.NextInt(8));
        }
    }

    static string Name(Span<AeadJob> jobs) =>
        string.Join(' ', jobs.ToArray().Select(job => FormattableString.Invariant($"{job.Offset}+{job.Length}")));
}
