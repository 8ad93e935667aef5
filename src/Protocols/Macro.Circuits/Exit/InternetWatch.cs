using System.Numerics;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Circuits;

/// <summary>
/// Whether the internet answers by an exit. An exit that lets nothing back, by fault or by intent, answers every probe itself; what shows it
/// is that several different questions stay open at once and nothing at all comes back. Destinations, and the names that its resolver is asked
/// for, count each by themselves; of either only a bit is kept. Pump threads note, the owner thread asks.
/// </summary>
public sealed class InternetWatch
{
    Questions _destinations, _names;

    /// <summary>Something came back from the internet.</summary>
    public bool IsAnswered => _destinations.WasAnswered;

    /// <summary>Nothing comes back. Where no name is found either, that nothing does is seen without any destination.</summary>
    public bool IsMute(Instant now) => _destinations.AreOpen(now) || (_names.AreOpen(now) && !_destinations.AnsweredWithin(Questions.Quiet, now));

    /// <summary>A packet of the client goes to the exit.</summary>
    internal void NoteSent(in IpView packet, Instant now)
    {
        if (packet.Destination != ExitResolver.Address.OfFamily(packet.IsV4))
        {
            if (!_destinations.AnsweredWithin(Questions.Lately, now) && DeniedRanges.IsPublic(packet.Destination))
                _destinations.Ask(NetworkOf(packet.Destination), now);
        }
        else if (TryReadDns(packet, out var query))
        {
            _names.Ask(Digest(query[DnsHeader..]), now);
        }
    }

    /// <summary>A packet of the exit for the client.</summary>
    internal void NoteReceived(in IpView packet, Instant now)
    {
        // A notice that something is denied is an answer: it is held against the exit elsewhere.
        if (packet.Source != ExitResolver.Address.OfFamily(packet.IsV4) || DenialNotice.IsFromResolver(packet))
            _destinations.Answer(now);
        else if (!TryReadDns(packet, out var answer) || (answer[3] & 15) != ServerFailure)
            _names.Answer(now);
    }

    const int DnsHeader = 12, ServerFailure = 2;

    static bool TryReadDns(in IpView packet, out ReadOnlySpan<byte> message)
    {
        message = default;
        if (packet.Protocol != IpProtocol.Udp || !UdpView.TryParse(packet.Payload, out var datagram) || datagram.Payload.Length <= DnsHeader)
            return false;
        message = datagram.Payload;
        return true;
    }

    /// <summary>Those of one network fail together.</summary>
    static uint NetworkOf(IpAddress address)
    {
        var network = Constraints.Network(address).Address.Bits;
        return (uint)(network >> 96) ^ (uint)network;
    }

    static uint Digest(ReadOnlySpan<byte> question)
    {
        // FNV-1a; whoever makes two names fall together hides one open question.
        var digest = 2166136261;
        foreach (var one in question[..Math.Min(question.Length, 64)])
            digest = (digest ^ one) * 16777619;
        return digest;
    }

    /// <summary>Questions since the last answer. Threads that note at the same time may lose a note.</summary>
    struct Questions
    {
        // Where nothing ever came back nothing is lost by a change; where something did, connections may wait quietly.
        const int FewAtFirst = 2, Few = 4;
        public static readonly TimeSpan Lately = TimeSpan.FromSeconds(1), Quiet = TimeSpan.FromSeconds(15);
        static readonly TimeSpan s_atFirst = TimeSpan.FromSeconds(5), s_noted = Lately / 4;

        ulong _asked;
        long _since, _answeredAt;

        public readonly bool WasAnswered => Volatile.Read(in _answeredAt) != 0;

        public readonly bool AnsweredWithin(TimeSpan time, Instant now) => now.Ticks - Volatile.Read(in _answeredAt) < time.Ticks;

        public void Ask(uint kind, Instant now)
        {
            if (Volatile.Read(ref _since) == 0)
                Volatile.Write(ref _since, now.Ticks);
            var bit = 1UL << (int)(kind * 2654435769u >> 26);
            if ((Volatile.Read(ref _asked) & bit) == 0)
                Interlocked.Or(ref _asked, bit);
        }

        /// <summary>Of a stream only one in a quarter of a second is written down: the threads that send look at it all the time.</summary>
        public void Answer(Instant now)
        {
            if (Volatile.Read(ref _since) == 0 && now.Ticks - Volatile.Read(ref _answeredAt) < s_noted.Ticks)
                return;
            Volatile.Write(ref _answeredAt, now.Ticks);
            Volatile.Write(ref _asked, 0);
            Volatile.Write(ref _since, 0);
        }

        public readonly bool AreOpen(Instant now)
        {
            var since = Volatile.Read(in _since);
            if (since == 0)
                return false;
            var (few, time) = WasAnswered ? (Few, Quiet) : (FewAtFirst, s_atFirst);
            return now.Ticks - since >= time.Ticks && BitOperations.PopCount(Volatile.Read(in _asked)) >= few;
        }
    }
}
