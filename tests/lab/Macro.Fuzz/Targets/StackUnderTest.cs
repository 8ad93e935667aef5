using Macro.Core;
using Macro.Core.Packets;
using Macro.NetStack;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// An exit's stack with an application that accepts everything, echoes streams and datagrams, and answers pings. Whatever
/// is received, its packets are well-formed, and it stays within its limits.
/// </summary>
sealed class StackUnderTest : IUdpHandler, IEchoHandler
{
    const int MaxConnections = 64;

    static readonly StackOptions s_options = new() { MaxConnections = MaxConnections, MaxReassemblies = 8, MaxReassemblyBytes = 1 << 16, Tcp = new TcpOptions { MaxReceiveBuffer = 1 << 16, MaxSendBuffer = 1 << 16 } };

    readonly TcpMemory _memory = new(4 << 20);
    readonly byte[] _out = new byte[2048];
    readonly byte[] _in = new byte[4096];
    Stack _stack = null!;
    Instant _now;

    internal StackUnderTest() => Reset();

    /// <summary>The latest segment that the stack sent: what an attacker who guesses well would know.</summary>
    internal uint LastSequence { get; private set; }

    internal uint LastAcknowledgment { get; private set; }

    internal Stack Stack => _stack;

    internal void Reset()
    {
        _stack?.AbortAll();
        InvariantException.Require(_memory.Used == 0, "all buffers come back");
        _now = Instant.FromUnixSeconds(1_000_000);
        _stack = new Stack(s_options, _memory, new SeededRandom(1)) { EchoHandler = this };
        _stack.ListenAny(this);
        _stack.BindAny(this);
        (LastSequence, LastAcknowledgment) = (0, 0);
    }

    internal void Receive(ReadOnlySpan<byte> packet, ref Digest seen)
    {
        packet = packet[..Math.Min(packet.Length, _in.Length)];
        packet.CopyTo(_in);
        _now += TimeSpan.FromMilliseconds(1);
        _stack.Receive(_in.AsSpan(0, packet.Length), _now);
        if (_stack.NextTimeout <= _now)
            _stack.HandleTimeout(_now);
        Serve(ref seen);
        Transmit(ref seen);
        InvariantException.Require(_stack.ConnectionCount <= MaxConnections, "no more connections than allowed");
        InvariantException.Require(_memory.Used <= _memory.Budget, "no more memory than allowed");
    }

    public IcmpReason Receive(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload, Instant now)
    {
        if (local.Port == 9)
            return IcmpReason.PortUnreachable;
        _stack.TrySend(local, remote, payload);
        return IcmpReason.None;
    }

    public void HandleError(Endpoint local, Endpoint remote, IcmpError error) { }

    public IcmpReason ReceiveRequest(Echo request, ReadOnlySpan<byte> data, Instant now)
    {
        _stack.TrySendEchoReply(new Echo(request.Destination, request.Source, request.Identifier, request.SequenceNumber), data);
        return IcmpReason.None;
    }

    void Serve(ref Digest seen)
    {
        var turns = 0;
        while (_stack.TryTakeReady(out var connection))
        {
            InvariantException.Require(++turns < 1000, "readiness ends");
            if (connection.IsIncoming)
            {
                if (connection.Flow.Local.Port == 25)
                    connection.RejectIncoming(TcpFailure.Prohibited);
                else
                    connection.AcceptIncoming();
            }
            seen.Add((int)connection.State);
            seen.Add((int)connection.Failure);
            while (!connection.Readable.IsEmpty && !connection.Writable.IsEmpty)
            {
                var count = Math.Min(connection.Readable.Length, connection.Writable.Length);
                connection.Readable[..count].CopyTo(connection.Writable);
                connection.Commit(count);
                connection.Consume(count);
                seen.AddSize(count);
            }
            if (connection.IsEndOfStream)
                connection.Shutdown();
        }
    }

    void Transmit(ref Digest seen)
    {
        var packets = 0;
        while (_stack.TryTransmit(_out, _now, out var length))
        {
            InvariantException.Require(++packets < 4096, "transmitting ends");
            InvariantException.Require(length > 0 && length <= _stack.Options.Mtu, "packets fit the MTU");
            InvariantException.Require(IpView.TryParse(_out.AsSpan(0, length), out var ip) && ip.HasRightChecksum, "packets are well-formed");
            seen.Add((int)ip.Protocol);
            seen.AddSize(ip.Payload.Length);
            if (ip.IsFragment)
                continue;
            InvariantException.Require(ip.Protocol == IpProtocol.Icmp || ip.HasRightPayloadChecksum, "checksums are right");
            if (ip.Protocol == IpProtocol.Tcp && TcpView.TryParse(ip.Payload, out _))
                Note(ip.Payload, ref seen);
            else if (ip.Protocol is IpProtocol.Icmp or IpProtocol.IcmpV6)
                seen.Add(ip.Payload[0] << 8 | ip.Payload[1]);
        }
    }

    void Note(ReadOnlySpan<byte> segment, ref Digest seen)
    {
        seen.Add(segment[13]);
        var syn = (segment[13] & 3) != 0 ? 1u : 0;
        LastSequence = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(segment[4..]) + syn;
        LastAcknowledgment = System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(segment[8..]);
    }
}
