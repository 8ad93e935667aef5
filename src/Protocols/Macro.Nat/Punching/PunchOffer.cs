using System.Buffers.Binary;
using Macro.Core;

namespace Macro.Nat;

/// <summary>
/// What one side of a punch tells the other: how its NAT allocates ports, and where it may be reached. Bytes: allocation u8,
/// step i8, count u8, then 19 for each candidate (kind u8, address 16, IPv4 mapped, port u16 in network order); see
/// docs/protocol/disco.md.
/// </summary>
public sealed record PunchOffer
{
    public const int MaxCandidates = 8;

    /// <summary>Ports ahead of the last one seen at which a sequential NAT is waited for: other flows of its network take some.</summary>
    const int Predictions = 4;

    const int HeaderSize = 3, CandidateSize = 19;

    public const int MaxSize = HeaderSize + MaxCandidates * CandidateSize;

    public required PortAllocation Allocation { get; init; }

    /// <summary>Of a sequential NAT: from one flow's port to the next one's, 1 as a rule.</summary>
    public sbyte Step { get; init; }

    /// <summary>At most <see cref="MaxCandidates"/>, the best first.</summary>
    public required IReadOnlyList<PunchCandidate> Candidates { get; init; }

    /// <summary>
    /// What a node says of itself. Whoever is behind a sequential NAT asks an observer just before, so that
    /// <paramref name="reflexive"/> is the newest flow's.
    /// </summary>
    /// <param name="own">Endpoints of its own interfaces.</param>
    /// <param name="reflexive">Its newest endpoint as others see it; none when nobody has told.</param>
    /// <param name="mapped">Opened at a gateway; none when there is none.</param>
    /// <param name="outer">The endpoint between two NATs, when the gateway told it; else none.</param>
    public static PunchOffer Describe(
        PortAllocation allocation, sbyte step, IReadOnlyList<Endpoint> own, Endpoint reflexive, Endpoint mapped = default, Endpoint outer = default)
    {
        ArgumentNullException.ThrowIfNull(own);
        var candidates = new List<PunchCandidate>(MaxCandidates);
        Add(CandidateKind.Mapped, mapped);
        if (allocation == PortAllocation.Sequential && !reflexive.IsNone)
            for (var i = 1; i <= Predictions; i++)
                Add(CandidateKind.Predicted, reflexive with { Port = (ushort)(reflexive.Port + i * step) });
        else
            Add(CandidateKind.Reflexive, reflexive);
        foreach (var endpoint in own)
            if (endpoint.Address.IsV6)
                Add(CandidateKind.Ipv6, endpoint);
        Add(CandidateKind.Outer, outer);
        foreach (var endpoint in own)
            if (endpoint.Address.IsV4)
                Add(CandidateKind.Host, endpoint);
        return new PunchOffer { Allocation = allocation, Step = step, Candidates = candidates };

        void Add(CandidateKind kind, Endpoint endpoint)
        {
            if (!endpoint.IsNone && endpoint.Port != 0 && candidates.Count < MaxCandidates && candidates.TrueForAll(c => c.Endpoint != endpoint))
                candidates.Add(new PunchCandidate(kind, endpoint));
        }
    }

    public byte[] Encode()
    {
        var count = Math.Min(Candidates.Count, MaxCandidates);
        var bytes = new byte[HeaderSize + count * CandidateSize];
        (bytes[0], bytes[1], bytes[2]) = ((byte)Allocation, (byte)Step, (byte)count);
        for (var i = 0; i < count; i++)
        {
            var at = bytes.AsSpan(HeaderSize + i * CandidateSize, CandidateSize);
            at[0] = (byte)Candidates[i].Kind;
            Candidates[i].Endpoint.Address.WriteMapped(at[1..]);
            BinaryPrimitives.WriteUInt16BigEndian(at[17..], Candidates[i].Endpoint.Port);
        }
        return bytes;
    }

    /// <summary>False for anything but a whole offer. Candidates that can be nobody's (no port, unspecified, multicast) are left out.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> bytes, out PunchOffer? offer)
    {
        offer = null;
        if (bytes.Length < HeaderSize || bytes[0] > (byte)PortAllocation.Blocked || bytes[2] > MaxCandidates
            || bytes.Length != HeaderSize + bytes[2] * CandidateSize)
            return false;
        var candidates = new List<PunchCandidate>(bytes[2]);
        for (var at = bytes[HeaderSize..]; at.Length > 0; at = at[CandidateSize..])
        {
            if (at[0] is < (byte)CandidateKind.Host or > (byte)CandidateKind.Predicted)
                return false;
            var endpoint = new Endpoint(IpAddress.Read(at.Slice(1, 16)), BinaryPrimitives.ReadUInt16BigEndian(at[17..]));
            if (endpoint.Port != 0 && IsUnicast(endpoint.Address))
                candidates.Add(new PunchCandidate((CandidateKind)at[0], endpoint));
        }
        offer = new PunchOffer { Allocation = (PortAllocation)bytes[0], Step = (sbyte)bytes[1], Candidates = candidates };
        return true;
    }

    /// <summary>
    /// Without the candidates at which somebody else might be hit: those at public addresses other than
    /// <paramref name="proven"/>, where the offer came from. An introducer passes on nothing else.
    /// </summary>
    public PunchOffer OnlyAt(IpAddress proven) => this with
    {
        Candidates = [.. Candidates.Where(c => c.Endpoint.Address == proven || !AddressScope.IsPublic(c.Endpoint.Address))],
    };

    static bool IsUnicast(IpAddress address) => address.IsV4
        ? (address.V4Bits >> 24) is > 0 and < 224 and not 127
        : !address.IsAny && address != IpAddress.V6Loopback && address.Bits >> 120 != 0xff;
}
