using System.Buffers.Text;

namespace Macro.Dht;

/// <summary>
/// A bencoded value (BEP 3) in the sender's bytes: checked whole once by <see cref="TryParse"/>, after which nothing here
/// can fail. Only the canonical form is taken: keys in order and each once, numbers without leading zeros or "-0".
/// </summary>
readonly ref struct BencodeValue
{
    /// <summary>Deepest nesting; KRPC needs three levels, the rest is for items of others.</summary>
    public const int MaxDepth = 16;

    readonly ReadOnlySpan<byte> _raw;

    BencodeValue(ReadOnlySpan<byte> raw) => _raw = raw;

    /// <summary>The value as it was sent.</summary>
    public ReadOnlySpan<byte> Raw => _raw;

    public BencodeKind Kind => _raw.IsEmpty ? BencodeKind.None : _raw[0] switch
    {
        (byte)'i' => BencodeKind.Integer,
        (byte)'l' => BencodeKind.List,
        (byte)'d' => BencodeKind.Dictionary,
        _ => BencodeKind.String,
    };

    /// <summary>False when the bytes are not exactly one canonical value.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out BencodeValue value)
    {
        var ok = BencodeCheck.TryMeasure(bytes, MaxDepth, out var length) && length == bytes.Length;
        value = ok ? new BencodeValue(bytes) : default;
        return ok;
    }

    public bool TryGetString(out ReadOnlySpan<byte> text)
    {
        text = default;
        if (Kind != BencodeKind.String)
            return false;
        text = _raw[(_raw.IndexOf((byte)':') + 1)..];
        return true;
    }

    public bool TryGetInteger(out long number)
    {
        number = 0;
        return Kind == BencodeKind.Integer && Utf8Parser.TryParse(_raw[1..^1], out number, out _);
    }

    /// <summary>The members of a list or dictionary; none for anything else.</summary>
    public Members GetEnumerator() => new(_raw, Kind);

    /// <summary>Looks a key up in a dictionary.</summary>
    public bool TryFind(ReadOnlySpan<byte> key, out BencodeValue value)
    {
        foreach (var member in this)
        {
            if (member.Key.SequenceEqual(key) && Kind == BencodeKind.Dictionary)
            {
                value = member.Value;
                return true;
            }
        }
        value = default;
        return false;
    }

    /// <summary>One entry: of a dictionary with its key, of a list with an empty one.</summary>
    public readonly ref struct Member(ReadOnlySpan<byte> key, BencodeValue value)
    {
        public ReadOnlySpan<byte> Key { get; } = key;
        public BencodeValue Value { get; } = value;
    }

    public ref struct Members
    {
        readonly bool _keyed;
        ReadOnlySpan<byte> _rest;

        internal Members(ReadOnlySpan<byte> raw, BencodeKind kind)
        {
            _keyed = kind == BencodeKind.Dictionary;
            _rest = kind is BencodeKind.Dictionary or BencodeKind.List ? raw[1..^1] : default;
        }

        public Member Current { get; private set; }

        public bool MoveNext()
        {
            if (_rest.IsEmpty)
                return false;
            var key = ReadOnlySpan<byte>.Empty;
            if (_keyed)
                Take().TryGetString(out key);
            Current = new Member(key, Take());
            return true;
        }

        BencodeValue Take()
        {
            BencodeCheck.TryMeasure(_rest, MaxDepth, out var length);
            var value = new BencodeValue(_rest[..length]);
            _rest = _rest[length..];
            return value;
        }
    }
}
