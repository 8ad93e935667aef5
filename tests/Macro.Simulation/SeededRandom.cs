using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Simulation;

/// <summary>Randomness from a seed (xoshiro256** 1.0, Blackman and Vigna), so that a run can be replayed. Never for keys that matter.</summary>
public sealed class SeededRandom : IRandom
{
    readonly ulong[] _state = new ulong[4];

    public SeededRandom(ulong seed)
    {
        // splitmix64 spreads the seed over the state.
        for (var i = 0; i < 4; i++)
        {
            seed += 0x9e3779b97f4a7c15;
            var z = seed;
            z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
            z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
            _state[i] = z ^ (z >> 31);
        }
    }

    public void Fill(Span<byte> bytes)
    {
        Span<byte> word = stackalloc byte[8];
        while (bytes.Length > 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(word, Next());
            var n = Math.Min(8, bytes.Length);
            word[..n].CopyTo(bytes);
            bytes = bytes[n..];
        }
    }

    ulong Next()
    {
        var s = _state;
        var result = ulong.RotateLeft(s[1] * 5, 7) * 9;
        var t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = ulong.RotateLeft(s[3], 45);
        return result;
    }
}
