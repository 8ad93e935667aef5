using Macro.Core;

namespace Macro.NetStack.Dns;

/// <summary>
/// Where the data of a record type has domain names. Only the types of RFC 1035 may be written with compression; the
/// older ones after it are read with compression and written without (RFC 3597 4). In newer ones, and in types that are
/// not known here, the data are bytes to pass on.
/// </summary>
/// <param name="Prefix">Bytes before the first name.</param>
/// <param name="Names">Names, one behind the other.</param>
/// <param name="Suffix">Bytes behind the last name; -1: any number.</param>
/// <param name="ReadsPointers">Names may be compressed when they arrive.</param>
/// <param name="WritesPointers">Names are compressed when they are written.</param>
readonly record struct RecordLayout(int Prefix, int Names, int Suffix, bool ReadsPointers, bool WritesPointers)
{
    static readonly RecordLayout Opaque = new(0, 0, -1, ReadsPointers: false, WritesPointers: false);

    public static RecordLayout Of(RecordType type) => type switch
    {
        RecordType.A => new(IpAddress.V4Any.Size, 0, 0, false, false),
        RecordType.Aaaa => new(IpAddress.V6Any.Size, 0, 0, false, false),
        RecordType.Ns or RecordType.Md or RecordType.Mf or RecordType.Cname or RecordType.Mb or RecordType.Mg
            or RecordType.Mr or RecordType.Ptr => new(0, 1, 0, true, true),
        RecordType.Soa => new(0, 2, 20, true, true),
        RecordType.Minfo => new(0, 2, 0, true, true),
        RecordType.Mx => new(2, 1, 0, true, true),
        RecordType.Rp => new(0, 2, 0, true, false),
        RecordType.Afsdb or RecordType.Rt or RecordType.Kx => new(2, 1, 0, true, false),
        RecordType.Px => new(2, 2, 0, true, false),
        RecordType.Srv => new(6, 1, 0, true, false),
        RecordType.Dname => new(0, 1, 0, true, false),
        RecordType.Sig => new(18, 1, -1, true, false),
        RecordType.Nxt => new(0, 1, -1, true, false),
        RecordType.Rrsig => new(18, 1, -1, false, false),
        RecordType.Nsec => new(0, 1, -1, false, false),
        RecordType.Svcb or RecordType.Https => new(2, 1, -1, false, false),
        _ => Opaque,
    };

    /// <summary>Whether the data at a place in a message have this shape, their names all sound.</summary>
    public bool Fits(ReadOnlySpan<byte> message, int offset, int length)
    {
        Span<byte> name = stackalloc byte[DomainName.MaxLength];
        var (at, end) = (offset + Prefix, offset + length);
        if (at > end)
            return false;
        for (var i = 0; i < Names; i++)
        {
            if (!DomainName.TryRead(message[..end], at, name, out var size, out var next) || (!ReadsPointers && size != next - at))
                return false;
            at = next;
        }
        return Suffix < 0 ? at <= end : at + Suffix == end;
    }
}
