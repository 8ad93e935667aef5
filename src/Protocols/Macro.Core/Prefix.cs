using System.Globalization;

namespace Macro.Core;

/// <summary>
/// An address prefix in CIDR form, host bits cleared. <see cref="Length"/> counts in the address's own family:
/// 0..32 for IPv4, 0..128 for IPv6.
/// </summary>
public readonly record struct Prefix
{
    public IpAddress Address { get; }
    public int Length { get; }

    public Prefix(IpAddress address, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, address.IsV4 ? 32 : 128);
        Length = length;
        Address = new IpAddress(address.Bits & Mask(address.IsV4 ? length + 96 : length));
    }

    /// <summary>One address alone: /32 or /128.</summary>
    public static Prefix Host(IpAddress address) => new(address, address.IsV4 ? 32 : 128);

    public bool IsV4 => Address.IsV4;

    public bool Contains(IpAddress address) =>
        address.IsV4 == IsV4 && (address.Bits & Mask(IsV4 ? Length + 96 : Length)) == Address.Bits;

    public static Prefix Parse(string text) =>
        TryParse(text, out var prefix) ? prefix : throw new FormatException($"'{text}' is not an address prefix (address/length).");

    /// <summary>"address/length", or an address alone as a host prefix.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out Prefix prefix)
    {
        prefix = default;
        var slash = text.IndexOf('/');
        if (!IpAddress.TryParse(slash < 0 ? text : text[..slash], out var address))
            return false;
        var longest = address.IsV4 ? 32 : 128;
        var length = longest;
        if (slash >= 0 && (!int.TryParse(text[(slash + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out length) || length > longest))
            return false;
        prefix = new Prefix(address, length);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Address}/{Length}");

    static UInt128 Mask(int bits) => bits == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - bits);
}
