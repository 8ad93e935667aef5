using System.Buffers.Binary;
using Macro.Core;
using Macro.Crypto;

namespace Macro.NetStack;

/// <summary>
/// Initial sequence numbers (RFC 6528): a clock of 4 µs ticks plus a keyed hash of the flow, so that they grow between
/// two lives of one flow and tell nothing to others. The offset of timestamps is made likewise (RFC 7323 7.1).
/// </summary>
sealed class InitialSequence
{
    readonly byte[] _key = new byte[32];

    public InitialSequence(IRandom random) => random.Fill(_key);

    public uint Next(FlowKey flow, Instant now) => Hash(flow, 0) + (uint)(now.Ticks / (TimeSpan.TicksPerMicrosecond * 4));

    /// <summary>What a flow adds to its timestamp clock.</summary>
    public uint TimestampOffset(FlowKey flow) => Hash(flow, 1);

    uint Hash(FlowKey flow, byte purpose)
    {
        Span<byte> input = stackalloc byte[37];
        flow.Local.Address.WriteMapped(input);
        flow.Remote.Address.WriteMapped(input[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(input[32..], flow.Local.Port);
        BinaryPrimitives.WriteUInt16BigEndian(input[34..], flow.Remote.Port);
        input[36] = purpose;
        Span<byte> mac = stackalloc byte[Blake2s.MacSize];
        Blake2s.Mac(mac, _key, input);
        return BinaryPrimitives.ReadUInt32LittleEndian(mac);
    }
}
