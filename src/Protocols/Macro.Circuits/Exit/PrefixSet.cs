using Macro.Core;

namespace Macro.Circuits;

/// <summary>A few dozen prefixes, asked for every packet: masks made beforehand, each family by itself.</summary>
sealed class PrefixSet
{
    readonly (uint Bits, uint Mask)[] _v4;
    readonly (ulong High, ulong HighMask, ulong Low, ulong LowMask)[] _v6;

    public PrefixSet(IEnumerable<Prefix> prefixes)
    {
        var all = prefixes.ToArray();
        _v4 = [.. all.Where(prefix => prefix.IsV4).Select(prefix => (prefix.Address.V4Bits, (uint)Mask(prefix.Length + 96)))];
        _v6 = [.. all.Where(prefix => !prefix.IsV4).Select(prefix =>
            ((ulong)(prefix.Address.Bits >> 64), (ulong)(Mask(prefix.Length) >> 64), (ulong)prefix.Address.Bits, (ulong)Mask(prefix.Length)))];
    }

    public bool Contains(IpAddress address)
    {
        if (address.IsV4)
        {
            foreach (var (bits, mask) in _v4)
                if ((address.V4Bits & mask) == bits)
                    return true;
            return false;
        }
        var (high, low) = ((ulong)(address.Bits >> 64), (ulong)address.Bits);
        foreach (ref readonly var prefix in _v6.AsSpan())
            if ((high & prefix.HighMask) == prefix.High && (low & prefix.LowMask) == prefix.Low)
                return true;
        return false;
    }

    static UInt128 Mask(int length) => length == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - length);
}
