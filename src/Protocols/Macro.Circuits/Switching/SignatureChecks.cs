using System.Runtime.InteropServices;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Circuits;

/// <summary>
/// The signatures that a relay checks for its clients. One takes the owner thread 0.1 ms, so they are bounded for each session
/// and for all together; and a descriptor that held is not checked again for a minute, so that what many clients ask for costs little.
/// </summary>
sealed class SignatureChecks(IHopVerifier verifier)
{
    /// <summary>For all sessions, in a second: a tenth of the thread.</summary>
    public const int MostPerSecond = 1000;

    public const int MostRemembered = 4096;

    public static readonly TimeSpan Remembered = TimeSpan.FromMinutes(1);

    static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    readonly Dictionary<Digest, NextHop> _known = [];
    readonly Queue<(Instant Until, Digest Digest)> _forget = new();
    Instant _windowStart;
    int _spent;

    /// <summary>BLAKE2s.</summary>
    readonly record struct Digest(UInt128 First, UInt128 Second);

    /// <summary>As <see cref="IHopVerifier.Verify"/>, or <see cref="ControlStatus.RefusedLoad"/>.</summary>
    public ControlStatus Verify(Inbound inbound, ReadOnlySpan<byte> descriptor, Instant now, out NextHop next)
    {
        while (_forget.TryPeek(out var oldest) && (oldest.Until <= now || _known.Count >= MostRemembered))
            _known.Remove(_forget.Dequeue().Digest);
        var digest = default(Digest);
        Blake2s.Hash(MemoryMarshal.AsBytes(new Span<Digest>(ref digest)), descriptor);
        if (_known.TryGetValue(digest, out next))
            return ControlStatus.Ok;
        if (!MayCheck(inbound, now))
            return ControlStatus.RefusedLoad;
        var status = verifier.Verify(descriptor, now, out next);
        if (status == ControlStatus.Ok)
        {
            _known.Add(digest, next);
            _forget.Enqueue((now + Remembered, digest));
        }
        return status;
    }

    /// <summary>Whether one more may be checked for this session; to be asked once for each.</summary>
    public bool MayCheck(Inbound inbound, Instant now)
    {
        if (now - _windowStart >= s_second)
            (_windowStart, _spent) = (now, 0);
        return _spent < MostPerSecond && inbound.MayCheck(now) && ++_spent > 0;
    }

    /// <summary>What holds is another from now on.</summary>
    public void Forget()
    {
        _known.Clear();
        _forget.Clear();
    }
}
