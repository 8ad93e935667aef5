using Macro.Core;
using Macro.Nat.PortMapping;
using Macro.Simulation;

namespace Macro.Fuzz;

/// <summary>
/// A gateway that lies to a port mapper. The first byte says what the rest is: a datagram of PCP or NAT-PMP, one of SSDP, or
/// the body of the reply to the oldest request. The nonce of PCP is put in.
/// </summary>
sealed class GatewayTarget : IFuzzTarget
{
    static readonly IpAddress s_gateway = IpAddress.Parse("192.168.1.1"), s_gateway6 = IpAddress.Parse("fe80::1");

    readonly Outbox _outbox = new(1 << 15, 64);
    readonly byte[] _input = new byte[4096];
    readonly byte[] _nonce = new byte[PcpMessage.NonceSize];
    readonly Queue<int> _requests = new();
    Instant _now;
    PortMapper _mapper = null!;

    public GatewayTarget() => Reset();

    public string Name => "gateway";

    public int MaxAllocation => 256 * 1024;

    public void Reset()
    {
        _now = Instant.FromUnixSeconds(1_000_000);
        _requests.Clear();
        _outbox.Batch.Clear();
        _mapper = new PortMapper(
            new Gateway(s_gateway, IpAddress.Parse("192.168.1.10")), new Gateway(s_gateway6, IpAddress.Parse("2001:db8::10")),
            new PortMapperOptions { Port = 51820, Secret = new byte[16] }, new SeededRandom(1), _outbox, _now);
        Settle();
    }

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (input.IsEmpty || input.Length > _input.Length)
            return seen.Value;
        _now += TimeSpan.FromSeconds(input[0] >> 3);
        if (_mapper.NextTimeout <= _now)
            _mapper.HandleTimeout(_now);
        var bytes = _input.AsSpan(0, input.Length - 1);
        input[1..].CopyTo(bytes);
        switch (input[0] & 3)
        {
            case 0:
                Insert(bytes);
                _mapper.HandleDatagram(bytes, new Endpoint(s_gateway, PcpMessage.ServerPort), _now);
                break;
            case 1:
                Insert(bytes);
                _mapper.HandleDatagram(bytes, new Endpoint(s_gateway6, PcpMessage.ServerPort), _now);
                break;
            case 2:
                _mapper.HandleDatagram(bytes, new Endpoint(s_gateway, Ssdp.Port), _now);
                break;
            default:
                if (_requests.TryDequeue(out var number))
                    _mapper.HandleReply(number, bytes.ToArray(), _now);
                break;
        }
        Settle();
        while (_mapper.TryTakeEvent(out var happened))
            seen.Add((int)happened.Kind << 4 | (int)happened.Protocol);
        seen.Add(_mapper.Found.Count());
        InvariantException.Require(_mapper.Mapping is not { Outside.Port: 0 }, "a mapping has a port");
        InvariantException.Require(_mapper.Pinhole is not { Outside.Address.IsV4: true }, "a pinhole is for IPv6");
        return seen.Value;
    }

    void Insert(Span<byte> bytes)
    {
        if (bytes.Length >= PcpMessage.MapSize && bytes[0] == PcpMessage.Version)
            _nonce.CopyTo(bytes[PcpMessage.HeaderSize..]);
    }

    void Settle()
    {
        for (var i = 0; i < _outbox.Batch.Count; i++)
        {
            var to = _outbox.Batch[i].Remote;
            InvariantException.Require(to.Address == s_gateway || to.Address == s_gateway6 || to == Ssdp.Multicast, "only the gateway is asked");
            if (to.Port == PcpMessage.ServerPort && _outbox.Batch.Bytes(i) is [PcpMessage.Version, ..] and { Length: PcpMessage.MapSize } request)
                request.Slice(PcpMessage.HeaderSize, PcpMessage.NonceSize).CopyTo(_nonce);
        }
        _outbox.Batch.Clear();
        while (_mapper.TryTakeRequest(out var request))
        {
            InvariantException.Require(request.Url.Host.Address == s_gateway || request.Url.Host.Address == s_gateway6, "requests go to the gateway only");
            InvariantException.Require(request.Url.Path.AsSpan().IndexOfAnyExceptInRange('!', '~') < 0, "a path fits in a request line");
            _requests.Enqueue(request.Number);
        }
        InvariantException.Require(_requests.Count <= 16, "requests under way are bounded");
    }
}
