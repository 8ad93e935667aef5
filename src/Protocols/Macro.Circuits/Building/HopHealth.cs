using System.Numerics;
using Macro.Core;

namespace Macro.Circuits;

/// <summary>How long a hop has not answered: whoever else was heard in between shows that the own network was not the cause.</summary>
/// <param name="Since">When the answer to the first question was due.</param>
/// <param name="Asked">When the last was put.</param>
public readonly record struct Silence(Instant Since, Instant Asked);

/// <summary>
/// What probes tell of one hop: round-trip time (smoothed as in RFC 6298), and misses in a row. A probe without an answer
/// in time is missed unless something else of that hop came meanwhile, and is followed by the next at once. An answer that comes
/// later says that the way is longer than it seemed, and that the probe was not lost. A hop is suspect
/// while one of the last four probes has no answer, and dead after five misses: on a path that loses one datagram in six that is one chance in ten thousand, and
/// takes little more than a second. A hop behind a NAT must have been silent for <see cref="Patience"/> as well.
/// </summary>
public sealed class HopHealth
{
    const int MissesUntilDead = 5;

    /// <summary>Probes whose answers are still of use.</summary>
    const int Remembered = 8;

    static readonly TimeSpan s_leastTimeout = TimeSpan.FromMilliseconds(250);

    // When the last probes went, by token; default: it is answered.
    readonly Instant[] _sent = new Instant[Remembered];

    // The newest in bit 0.
    byte _unanswered;
    TimeSpan _silence;
    TimeSpan? _expected;

    /// <summary>
    /// For a hop behind a NAT: one that lost its memory lets nobody in before the hop has sent something, which it does every two
    /// seconds while it serves somebody. Default 0.
    /// </summary>
    internal TimeSpan Patience { get; init; }

    internal Instant? ProbeSent { get; private set; }
    internal Instant NextProbe { get; set; } = Instant.Never;
    internal ulong Token { get; private set; }

    /// <summary>Smoothed round-trip time client to this hop and back; null before the first answer.</summary>
    public TimeSpan? RoundTrip { get; private set; }

    /// <summary>The least of them; null before the first answer.</summary>
    public TimeSpan? LeastRoundTrip { get; private set; }

    public int Misses { get; private set; }

    /// <summary>The questions that it has left open since it was heard last, probes, requests and handshakes; null: none.</summary>
    public Silence? Silence { get; private set; }

    /// <summary>Of the last eight probes, those that got no answer in time, whatever else came.</summary>
    public int Unanswered => BitOperations.PopCount(_unanswered);

    /// <summary>One of the last four probes got no answer in time.</summary>
    public bool IsSuspect => (_unanswered & 0xF) != 0;

    /// <summary>Nor did any of the last four.</summary>
    internal bool IsUnanswering => (_unanswered & 0xF) == 0xF;

    public bool IsDead => Misses >= MissesUntilDead && _silence >= Patience;

    /// <summary>Nearly dead: when a hop falls silent those behind it do too, each within one probe of the others.</summary>
    internal bool IsSilent => Misses >= MissesUntilDead - 1;

    /// <summary>When to probe, or when the probe that is out counts as missed.</summary>
    internal Instant NextTimeout => ProbeSent is null ? NextProbe : Deadline;

    internal Instant Deadline => ProbeSent is { } sent ? sent + Timeout : Instant.Never;

    TimeSpan Timeout => (_expected ?? RoundTrip) * 1.5 is { } timeout && timeout > s_leastTimeout ? timeout : s_leastTimeout;

    /// <summary>Until a probe is answered, that may take so long: what is known of the way by other means.</summary>
    internal void Expect(TimeSpan roundTrip) => _expected = roundTrip;

    internal ulong BeginProbe(Instant now)
    {
        (ProbeSent, _sent[++Token % Remembered]) = (now, now);
        return Token;
    }

    /// <summary>The time for the answer is over.</summary>
    /// <param name="lastHeard">When anything of this hop came last: where one datagram in ten is lost, only the probe may be.</param>
    internal void EndProbe(Instant lastHeard, Instant now)
    {
        _silence = now - lastHeard;
        if (lastHeard > ProbeSent)
            Heard();
        else
        {
            Misses++;
            Missed(ProbeSent ?? now, now);
        }
        _unanswered = (byte)((_unanswered << 1) | 1);
        ProbeSent = null;
    }

    /// <summary>It answered something.</summary>
    internal void Heard() => (Misses, Silence) = (0, null);

    /// <summary>What was asked then is not answered, and the time for it is over.</summary>
    internal void Missed(Instant asked, Instant now) => Silence = new Silence(Silence?.Since ?? now, asked);

    /// <summary>The hop is reached by another path now.</summary>
    internal void BeginAnew(Instant now)
    {
        Heard();
        (_unanswered, ProbeSent, NextProbe) = (0, null, now);
        Array.Clear(_sent);
    }

    internal void Answered(ulong token, Instant now)
    {
        if (token > Token || Token - token >= Remembered || _sent[token % Remembered] is var sent && sent == default)
            return;
        _sent[token % Remembered] = default;
        var sample = now - sent;
        LeastRoundTrip = LeastRoundTrip < sample ? LeastRoundTrip : sample;
        if (token == Token && ProbeSent is not null)
        {
            RoundTrip = RoundTrip is { } rtt ? rtt + (sample - rtt) / 8 : sample;
            _unanswered <<= 1;
            ProbeSent = null;
        }
        else
        {
            RoundTrip = RoundTrip > sample ? RoundTrip : sample;
            var newest = ProbeSent is null ? Token : Token - 1;
            _unanswered &= (byte)~(1 << (int)(newest - token));
        }
        _expected = null;
        Heard();
    }
}
