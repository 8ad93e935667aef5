using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>
/// The ICMP messages and resets that a stack sends of its own accord: few in a second (RFC 4443 2.4 f), and in a queue of
/// their own, so that no flood of datagrams keeps them waiting.
/// </summary>
sealed class IcmpSender(StackOptions options, AddressRules addresses, PacketSender queue, StackCounters counters)
{
    /// <summary>Of the packet that is quoted: what fits into the smallest packet that every host takes (RFC 1812 4.3.2.3, RFC 4443 2.4 c).</summary>
    const int MostQuotedV4 = 576 - 20 - IcmpView.HeaderLength, MostQuotedV6 = 1280 - 40 - IcmpView.HeaderLength;

    /// <summary>Addresses share a limit by chance, as hashes of a process have it.</summary>
    const int Receivers = 256;

    readonly RateLimit[] _rateTo = MakeRates(options.MaxErrorsPerSecondTo);
    RateLimit _rate = new(options.MaxErrorsPerSecond);

    /// <summary>
    /// Counts one message. False: enough for now. The limit of each receiver comes first, so that none uses up what others
    /// are to hear, nor learns from that how much they do (SAD DNS).
    /// </summary>
    public bool MaySend(IpAddress to, Instant now)
    {
        if (_rateTo[(uint)to.GetHashCode() % Receivers].TryTake(now) && _rate.TryTake(now))
            return true;
        counters.Suppressed++;
        return false;
    }

    /// <summary>Tells the source of a packet why it got no further.</summary>
    public bool TrySendError(IcmpReason reason, in IpView about, Instant now) =>
        MayAnswer(about) && MaySend(about.Source, now) && TrySendError(new IcmpError(reason, about.Destination), about.Source, about.Bytes);

    /// <summary>Sends an error without asking the rate.</summary>
    /// <param name="to">Source of the quoted packet.</param>
    /// <param name="quoted">The packet, or its beginning.</param>
    public bool TrySendError(IcmpError error, IpAddress to, ReadOnlySpan<byte> quoted)
    {
        var v4 = to.IsV4;
        quoted = quoted[..Math.Min(quoted.Length, v4 ? MostQuotedV4 : MostQuotedV6)];
        Span<byte> head = stackalloc byte[IcmpView.HeaderLength];
        if (!IcmpCodes.TryWrite(head, v4, error.Reason, error.Mtu))
            return false;
        // A stack with addresses speaks for itself only.
        var from = addresses.IsAny ? error.Reporter : addresses.TryFind(v4, out var own) ? own : default;
        if (from.IsV4 != v4 || !TrySend(from, to, head, quoted))
            return false;
        counters.ErrorsSent++;
        return true;
    }

    /// <summary>Queues a message made of its first eight bytes and what follows.</summary>
    public bool TrySend(IpAddress from, IpAddress to, ReadOnlySpan<byte> head, ReadOnlySpan<byte> rest)
    {
        var v4 = to.IsV4;
        var header = new IpHeader(from, to, v4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, options.TimeToLive);
        var length = head.Length + rest.Length;
        if (length > ushort.MaxValue - IpHeader.Size(v4) || !queue.TryAdd(header, length, out var message))
        {
            counters.QueueDropped++;
            return false;
        }
        head.CopyTo(message);
        rest.CopyTo(message[head.Length..]);
        var pseudo = v4 ? (ushort)0 : Checksum.PseudoHeader(from, to, IpProtocol.IcmpV6, length);
        BinaryPrimitives.WriteUInt16BigEndian(message[IcmpView.ChecksumOffset..], Checksum.Finish(Checksum.Sum(message, pseudo)));
        return true;
    }

    static RateLimit[] MakeRates(int perSecond)
    {
        var rates = new RateLimit[Receivers];
        Array.Fill(rates, new RateLimit(perSecond));
        return rates;
    }

    /// <summary>Never about an ICMP message other than an echo request, nor about a later fragment (RFC 1122 3.2.2, RFC 4443 2.4 e).</summary>
    static bool MayAnswer(in IpView about) =>
        !about.IsLaterFragment
        && (about.Protocol is not (IpProtocol.Icmp or IpProtocol.IcmpV6)
            || (IcmpView.TryParse(about.Payload, !about.IsV4, out var icmp) && icmp.IsEchoRequest));
}
