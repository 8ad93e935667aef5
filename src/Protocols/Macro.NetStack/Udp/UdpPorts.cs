using System.Buffers.Binary;
using Macro.Core;
using Macro.Core.Packets;

namespace Macro.NetStack;

/// <summary>The bound UDP ports of a stack (RFC 768), and the datagrams that they send.</summary>
sealed class UdpPorts(StackOptions options, AddressRules addresses, PacketSender queue, StackCounters counters, IRandom random)
{
    const int MostPayload = ushort.MaxValue - UdpView.HeaderLength;

    /// <summary>Draws before a search that takes the next free one: enough while not nearly all ports are taken.</summary>
    const int MostDraws = 64;

    readonly Dictionary<Endpoint, IUdpHandler> _bound = [];

    /// <summary>Takes what no other does.</summary>
    public IUdpHandler? Any { get; set; }

    public bool TryBind(Endpoint local, IUdpHandler handler) =>
        (addresses.IsAny || addresses.IsOwn(local.Address)) && local.Port != 0 && _bound.TryAdd(local, handler);

    public bool TryBind(bool v4, IUdpHandler handler, out Endpoint local)
    {
        local = default;
        if (!addresses.TryFind(v4, out var address))
            return false;
        var ports = ushort.MaxValue + 1 - options.FirstEphemeralPort;
        var port = 0;
        for (var i = 0; i < MostDraws + ports; i++)
        {
            port = i < MostDraws ? random.NextInt(ports) : (port + 1) % ports;
            local = new Endpoint(address, (ushort)(options.FirstEphemeralPort + port));
            if (_bound.TryAdd(local, handler))
                return true;
        }
        return false;
    }

    public void Unbind(Endpoint local) => _bound.Remove(local);

    /// <summary>A datagram whose checksum fits. What is returned is to be reported to its sender.</summary>
    public IcmpReason Receive(in IpView ip, in UdpView datagram, Instant now)
    {
        var local = new Endpoint(ip.Destination, datagram.DestinationPort);
        if (Find(local) is { } handler)
            return handler.Receive(local, new Endpoint(ip.Source, datagram.SourcePort), datagram.Payload, now);
        counters.UnknownDatagrams++;
        return IcmpReason.PortUnreachable;
    }

    /// <summary>False: nobody sends from there.</summary>
    public bool HandleError(in QuotedPacket quoted, IcmpError error)
    {
        if (Find(quoted.Source) is not { } handler)
            return false;
        handler.HandleError(quoted.Source, quoted.Destination, error);
        return true;
    }

    public bool TrySend(Endpoint local, Endpoint remote, ReadOnlySpan<byte> payload)
    {
        var v4 = remote.Address.IsV4;
        var length = UdpView.HeaderLength + payload.Length;
        if (local.Address.IsV4 != v4 || payload.Length > MostPayload - (v4 ? IpHeader.Size(v4) : 0)
            || !queue.TryAdd(new IpHeader(local.Address, remote.Address, IpProtocol.Udp, options.TimeToLive), length, out var datagram))
        {
            counters.QueueDropped++;
            return false;
        }
        BinaryPrimitives.WriteUInt16BigEndian(datagram, local.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[2..], remote.Port);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[4..], (ushort)length);
        BinaryPrimitives.WriteUInt16BigEndian(datagram[UdpView.ChecksumOffset..], 0);
        payload.CopyTo(datagram[UdpView.HeaderLength..]);
        var sum = Checksum.Sum(datagram, Checksum.PseudoHeader(local.Address, remote.Address, IpProtocol.Udp, length));
        BinaryPrimitives.WriteUInt16BigEndian(datagram[UdpView.ChecksumOffset..], Checksum.FinishUdp(sum));
        return true;
    }

    IUdpHandler? Find(Endpoint local) => _bound.TryGetValue(local, out var handler) ? handler : Any;
}
