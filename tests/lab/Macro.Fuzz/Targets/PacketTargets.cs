using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.Fuzz;

/// <summary>A whole IP packet; of half of them the header's checksum is put right, so that they get further.</summary>
sealed class IpTarget : IFuzzTarget
{
    readonly StackUnderTest _stack = new();
    readonly byte[] _packet = new byte[4096];

    public string Name => "ip";

    public int MaxAllocation => 256 * 1024;

    public void Reset() => _stack.Reset();

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        input.CopyTo(_packet);
        var packet = _packet.AsSpan(0, input.Length);
        if (packet.Length >= 20 && packet[0] >> 4 == 4 && (packet[^1] & 1) == 0)
            RepairHeader(packet);
        if (IpView.TryParse(packet, out var ip))
        {
            InvariantException.Require(ip.PayloadOffset + ip.Payload.Length == ip.Bytes.Length && ip.Bytes.Length <= packet.Length, "a view stays within the packet");
            seen.Add((int)ip.Protocol);
            seen.Add((ip.IsFragment ? 1 : 0) | (ip.IsLaterFragment ? 2 : 0) | (ip.MoreFragments ? 4 : 0) | (ip.IsSourceRouted ? 8 : 0));
            seen.AddSize(ip.Payload.Length);
        }
        _stack.Receive(packet, ref seen);
        return seen.Value;
    }

    static void RepairHeader(Span<byte> packet)
    {
        var header = Math.Min((packet[0] & 15) * 4, packet.Length);
        packet[10..12].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(packet[10..], Checksum.Finish(Checksum.Sum(packet[..header])));
    }
}

/// <summary>Something inside a sound IP packet, with a sound checksum: <c>0 flags (bit 0: IPv6, bit 1: checksum stays), then the payload</c>.</summary>
abstract class PayloadTarget(IpProtocol v4, IpProtocol v6, int checksumOffset) : IFuzzTarget
{
    static readonly IpAddress s_client = IpAddress.Parse("100.64.0.2"), s_clientV6 = IpAddress.Parse("fd6d:6163:726f::2");
    static readonly IpAddress s_server = IpAddress.Parse("198.51.100.7"), s_serverV6 = IpAddress.Parse("2001:db8::7");

    readonly byte[] _packet = new byte[4096];

    private protected StackUnderTest Stack { get; } = new();

    public abstract string Name { get; }

    public int MaxAllocation => 256 * 1024;

    public void Reset() => Stack.Reset();

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty)
            return seen.Value;
        var isV6 = (input[0] & 1) != 0;
        var header = IpHeader.Size(!isV6);
        var payload = input[1..];
        var packet = _packet.AsSpan(0, header + Prepare(payload, _packet.AsSpan(header)));
        new IpHeader(isV6 ? s_clientV6 : s_client, isV6 ? s_serverV6 : s_server, isV6 ? v6 : v4, 64).Write(packet);
        if ((input[0] & 2) == 0)
            Repair(packet, header, isV6);
        Stack.Receive(packet, ref seen);
        return seen.Value;
    }

    /// <summary>Writes the payload as it is to be sent; returns its bytes.</summary>
    private protected virtual int Prepare(ReadOnlySpan<byte> input, Span<byte> payload)
    {
        input.CopyTo(payload);
        return input.Length;
    }

    void Repair(Span<byte> packet, int header, bool isV6)
    {
        var payload = packet[header..];
        if (payload.Length < checksumOffset + 2)
            return;
        payload.Slice(checksumOffset, 2).Clear();
        var pseudo = v4 == IpProtocol.Icmp && !isV6 ? (ushort)0
            : Checksum.PseudoHeader(isV6 ? packet.Slice(8, 32) : packet.Slice(12, 8), isV6 ? v6 : v4, payload.Length);
        BinaryPrimitives.WriteUInt16BigEndian(payload[checksumOffset..], Checksum.FinishUdp(Checksum.Sum(payload, pseudo)));
    }
}

/// <summary>
/// A TCP segment: <c>1..2 distance of its sequence number from the one awaited, 3..4 of its acknowledgment from the last one
/// sent; then the segment</c>. The numbers are filled in unless both distances are 0x7fff: random ones never fit.
/// </summary>
sealed class TcpTarget() : PayloadTarget(IpProtocol.Tcp, IpProtocol.Tcp, TcpView.ChecksumOffset)
{
    public override string Name => "tcp";

    private protected override int Prepare(ReadOnlySpan<byte> input, Span<byte> payload)
    {
        if (input.Length < 4 + TcpView.SmallestHeader)
            return base.Prepare(input, payload);
        var sequence = BinaryPrimitives.ReadInt16BigEndian(input);
        var acknowledgment = BinaryPrimitives.ReadInt16BigEndian(input[2..]);
        input[4..].CopyTo(payload);
        if (sequence != short.MaxValue || acknowledgment != short.MaxValue)
        {
            BinaryPrimitives.WriteUInt32BigEndian(payload[4..], (uint)(Stack.LastAcknowledgment + sequence));
            BinaryPrimitives.WriteUInt32BigEndian(payload[8..], (uint)(Stack.LastSequence + acknowledgment));
        }
        return input.Length - 4;
    }
}

/// <summary>A UDP datagram.</summary>
sealed class UdpTarget() : PayloadTarget(IpProtocol.Udp, IpProtocol.Udp, 6)
{
    public override string Name => "udp";
}

/// <summary>An ICMP or ICMPv6 message, with whatever it quotes.</summary>
sealed class IcmpTarget() : PayloadTarget(IpProtocol.Icmp, IpProtocol.IcmpV6, IcmpView.ChecksumOffset)
{
    public override string Name => "icmp";
}
