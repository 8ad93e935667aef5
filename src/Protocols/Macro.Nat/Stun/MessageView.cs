using System.Buffers.Binary;
using System.Security.Cryptography;
using Macro.Core;

namespace Macro.Nat.Stun;

/// <summary>
/// A STUN message (RFC 8489 5) as a view over one datagram, checked once: cookie, length, every attribute within bounds,
/// FINGERPRINT last and right where there is one. The accessors cannot fail.
/// </summary>
public readonly ref struct MessageView
{
    public const int HeaderSize = 20;
    public const uint Cookie = 0x2112a442;

    /// <summary>Binding, the only method of STUN itself.</summary>
    public const ushort Binding = 1;

    /// <summary>Bytes of the longest message that is read; ours have at most 100.</summary>
    public const int MaxSize = 1280;

    readonly ReadOnlySpan<byte> _bytes;

    MessageView(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    public MessageClass Class => (MessageClass)(BinaryPrimitives.ReadUInt16BigEndian(_bytes) & 0x110);

    /// <summary>0..0xfff.</summary>
    public ushort Method
    {
        get
        {
            var type = BinaryPrimitives.ReadUInt16BigEndian(_bytes);
            return (ushort)((type & 0xf) | (type & 0xe0) >> 1 | (type & 0x3e00) >> 2);
        }
    }

    public TransactionId Transaction => TransactionId.Read(_bytes[8..]);

    public ReadOnlySpan<byte> Bytes => _bytes;

    public bool HasFingerprint => TryFind(AttributeType.Fingerprint, out _);

    /// <summary>The sender's endpoint as the server saw it: XOR-MAPPED-ADDRESS, or MAPPED-ADDRESS of an old server.</summary>
    public bool TryGetMapped(out Endpoint mapped) =>
        TryFind(AttributeType.XorMappedAddress, out var value) && Addresses.TryRead(value, _bytes[4..20], out mapped)
        || TryGetAddress(AttributeType.MappedAddress, out mapped);

    /// <summary>An address in plain form: MAPPED-ADDRESS, RESPONSE-ORIGIN, OTHER-ADDRESS.</summary>
    public bool TryGetAddress(AttributeType type, out Endpoint endpoint)
    {
        endpoint = default;
        return TryFind(type, out var value) && Addresses.TryRead(value, [], out endpoint);
    }

    /// <summary>300..699; 0 where there is none.</summary>
    public int ErrorCode => TryFind(AttributeType.ErrorCode, out var value) && value.Length >= 4
        && value[2] is >= 3 and <= 6 && value[3] < 100 ? value[2] * 100 + value[3] : 0;

    /// <summary>Whether this looks like STUN: what the dispatch of a shared port asks. Not yet that it is well-formed.</summary>
    public static bool IsStun(ReadOnlySpan<byte> datagram) =>
        datagram.Length >= HeaderSize && datagram[0] < 0x40 && BinaryPrimitives.ReadUInt32BigEndian(datagram[4..]) == Cookie;

    public static bool TryParse(ReadOnlySpan<byte> datagram, out MessageView message)
    {
        message = default;
        if (!IsStun(datagram) || datagram.Length > MaxSize || datagram.Length % 4 != 0
            || BinaryPrimitives.ReadUInt16BigEndian(datagram[2..]) != datagram.Length - HeaderSize)
            return false;
        for (var at = HeaderSize; at < datagram.Length;)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(datagram[(at + 2)..]);
            var end = at + 4 + Padded(length);
            if (end > datagram.Length)
                return false;
            if ((AttributeType)BinaryPrimitives.ReadUInt16BigEndian(datagram[at..]) == AttributeType.Fingerprint
                && (length != Integrity.FingerprintSize || end != datagram.Length
                    || BinaryPrimitives.ReadUInt32BigEndian(datagram[(at + 4)..]) != Integrity.Fingerprint(datagram[..at])))
                return false;
            at = end;
        }
        message = new MessageView(datagram);
        return true;
    }

    /// <summary>The first attribute of a type. Behind an integrity attribute only stronger ones and FINGERPRINT count.</summary>
    public bool TryFind(AttributeType type, out ReadOnlySpan<byte> value)
    {
        foreach (var attribute in this)
        {
            if (attribute.Type != type)
                continue;
            value = attribute.Value;
            return true;
        }
        value = default;
        return false;
    }

    /// <summary>True when the message carries MESSAGE-INTEGRITY-SHA256 of full length, else MESSAGE-INTEGRITY, made with this key.</summary>
    public bool IsAuthentic(ReadOnlySpan<byte> key)
    {
        Span<byte> mac = stackalloc byte[Integrity.Sha256Size];
        foreach (var strong in (ReadOnlySpan<bool>)[true, false])
        {
            if (!TryFind(strong ? AttributeType.MessageIntegritySha256 : AttributeType.MessageIntegrity, out var value))
                continue;
            mac = mac[..(strong ? Integrity.Sha256Size : Integrity.Sha1Size)];
            if (value.Length != mac.Length || !_bytes.Overlaps(value, out var at))
                return false;
            var before = _bytes[..(at - 4)];
            if (strong)
                Integrity.Sha256(before, key, mac);
            else
                Integrity.Sha1(before, key, mac);
            return CryptographicOperations.FixedTimeEquals(value, mac);
        }
        return false;
    }

    public Enumerator GetEnumerator() => new(_bytes);

    internal static int Padded(int length) => (length + 3) & ~3;

    /// <summary>One attribute: its type, and its value without padding.</summary>
    public readonly ref struct Attribute(AttributeType type, ReadOnlySpan<byte> value)
    {
        public AttributeType Type { get; } = type;

        public ReadOnlySpan<byte> Value { get; } = value;
    }

    /// <summary>A walk over the attributes that count.</summary>
    public ref struct Enumerator(ReadOnlySpan<byte> bytes)
    {
        readonly ReadOnlySpan<byte> _bytes = bytes;
        int _next = HeaderSize;
        AttributeType _seen;

        public Attribute Current { get; private set; }

        public bool MoveNext()
        {
            while (_next < _bytes.Length)
            {
                var type = (AttributeType)BinaryPrimitives.ReadUInt16BigEndian(_bytes[_next..]);
                var length = BinaryPrimitives.ReadUInt16BigEndian(_bytes[(_next + 2)..]);
                Current = new Attribute(type, _bytes.Slice(_next + 4, length));
                _next += 4 + Padded(length);
                var counts = type == AttributeType.Fingerprint || _seen == 0
                    || _seen == AttributeType.MessageIntegrity && type == AttributeType.MessageIntegritySha256;
                if (!counts)
                    continue;
                if (type is AttributeType.MessageIntegrity or AttributeType.MessageIntegritySha256)
                    _seen = type;
                return true;
            }
            return false;
        }
    }
}
