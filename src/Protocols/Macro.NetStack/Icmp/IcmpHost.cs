using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>ICMP and ICMPv6 of a host (RFC 792, RFC 4443): echoes, and errors that are handed to whoever sent the packet in question.</summary>
sealed class IcmpHost(AddressRules addresses, PathMtus paths, IcmpSender sender, TcpHost tcp, UdpPorts udp, StackCounters counters)
{
    public IEchoHandler? EchoHandler { get; set; }

    public void Receive(in IpView ip, Instant now)
    {
        if (!IcmpView.TryParse(ip.Payload, !ip.IsV4, out var icmp))
            counters.Malformed++;
        else if (!(ip.IsV4 ? Checksum.Fits(Checksum.Sum(ip.Payload)) : ip.HasRightPayloadChecksum))
            counters.BadChecksum++;
        else if (icmp.IsEchoRequest)
            ReceiveEcho(ip, icmp, now);
        else if (icmp.IsError)
            ReceiveError(ip, icmp, now);
    }

    public bool TrySendEchoReply(Echo reply, ReadOnlySpan<byte> data)
    {
        var type = reply.Destination.IsV4 ? IcmpCodes.EchoReplyV4 : IcmpCodes.EchoReplyV6;
        return TrySendEcho(reply, type, data);
    }

    public bool TrySendError(IcmpError error, Endpoint source, Endpoint destination, ReadOnlySpan<byte> payload, Instant now)
    {
        Span<byte> head = stackalloc byte[UdpView.HeaderLength];
        BinaryPrimitives.WriteUInt16BigEndian(head, source.Port);
        BinaryPrimitives.WriteUInt16BigEndian(head[2..], destination.Port);
        BinaryPrimitives.WriteUInt16BigEndian(head[4..], (ushort)Math.Min(head.Length + payload.Length, ushort.MaxValue));
        head[6..].Clear();
        var sum = Checksum.PseudoHeader(source.Address, destination.Address, IpProtocol.Udp, head.Length + payload.Length);
        sum = Checksum.Sum(payload, Checksum.Sum(head, sum));
        BinaryPrimitives.WriteUInt16BigEndian(head[UdpView.ChecksumOffset..], Checksum.FinishUdp(sum));
        return TryQuote(error, source.Address, destination.Address, IpProtocol.Udp, head, payload, now);
    }

    public bool TrySendError(IcmpError error, Echo request, ReadOnlySpan<byte> data, Instant now)
    {
        var v4 = request.Source.IsV4;
        Span<byte> head = stackalloc byte[IcmpView.HeaderLength];
        WriteEcho(head, request, (byte)(v4 ? 8 : 128));
        return TryQuote(error, request.Source, request.Destination, v4 ? IpProtocol.Icmp : IpProtocol.IcmpV6, head, data, now);
    }

    /// <summary>Makes up the packet that is to be quoted, as far as it is quoted.</summary>
    bool TryQuote(IcmpError error, IpAddress source, IpAddress destination, IpProtocol protocol, ReadOnlySpan<byte> head, ReadOnlySpan<byte> payload, Instant now)
    {
        var v4 = source.IsV4;
        if (destination.IsV4 != v4 || !sender.MaySend(source, now))
            return false;
        Span<byte> packet = stackalloc byte[1280];
        var at = IpHeader.Size(v4);
        payload = payload[..Math.Min(payload.Length, packet.Length - at - head.Length)];
        head.CopyTo(packet[at..]);
        payload.CopyTo(packet[(at + head.Length)..]);
        packet = packet[..(at + head.Length + payload.Length)];
        new IpHeader(source, destination, protocol, 1).Write(packet);
        return sender.TrySendError(error.Reporter.IsV4 == v4 && !error.Reporter.IsAny ? error : error with { Reporter = destination }, source, packet);
    }

    void ReceiveEcho(in IpView ip, in IcmpView icmp, Instant now)
    {
        var request = new Echo(ip.Source, ip.Destination, icmp.Identifier, icmp.SequenceNumber);
        if (addresses.IsOwn(ip.Destination))
        {
            if (sender.MaySend(ip.Source, now))
                TrySendEchoReply(request with { Source = ip.Destination, Destination = ip.Source }, icmp.Payload);
        }
        else if (EchoHandler is { } handler && handler.ReceiveRequest(request, icmp.Payload, now) is not IcmpReason.None and var reason)
            sender.TrySendError(reason, ip, now);
    }

    void ReceiveError(in IpView ip, in IcmpView icmp, Instant now)
    {
        var reason = ip.IsV4 ? IcmpCodes.ReadV4(icmp.Type, icmp.Code) : IcmpCodes.ReadV6(icmp.Type, icmp.Code);
        // Who answers for all speaks to single hosts on the other side: none can report for another.
        if (reason == IcmpReason.None || !QuotedPacket.TryParse(icmp.Payload, ip.IsV4, out var quoted)
            || (addresses.IsAny ? quoted.Destination.Address != ip.Source : !addresses.IsOwn(quoted.Source.Address)))
        {
            counters.ForeignErrors++;
            return;
        }
        var error = new IcmpError(reason, ip.Source);
        if (reason == IcmpReason.PacketTooBig)
            error = error with { Mtu = paths.Clamp(ip.IsV4, IcmpCodes.ReadMtu(ip.IsV4, ip.Payload), quoted.Length) };
        var known = quoted.Protocol switch
        {
            IpProtocol.Tcp => tcp.HandleError(quoted, error),
            IpProtocol.Udp => udp.HandleError(quoted, error),
            _ => false,
        };
        if (!known)
            counters.ForeignErrors++;
        else if (reason == IcmpReason.PacketTooBig)
            paths.Note(quoted.Destination.Address, error.Mtu, now);
    }

    bool TrySendEcho(Echo echo, byte type, ReadOnlySpan<byte> data)
    {
        Span<byte> head = stackalloc byte[IcmpView.HeaderLength];
        WriteEcho(head, echo, type);
        return echo.Source.IsV4 == echo.Destination.IsV4 && sender.TrySend(echo.Source, echo.Destination, head, data);
    }

    static void WriteEcho(Span<byte> head, Echo echo, byte type)
    {
        head.Clear();
        head[0] = type;
        BinaryPrimitives.WriteUInt16BigEndian(head[4..], echo.Identifier);
        BinaryPrimitives.WriteUInt16BigEndian(head[6..], echo.SequenceNumber);
    }
}
