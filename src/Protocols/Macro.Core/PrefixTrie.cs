using System.Diagnostics.CodeAnalysis;

namespace Macro.Core;

/// <summary>
/// Values by address prefix with longest-prefix match: a path-compressed binary trie per address family. Nodes are immutable and a
/// change copies the path to the root, so any thread may search while one thread changes it; a search sees the state
/// before or after a change, never one between.
/// </summary>
public sealed class PrefixTrie<T> where T : class
{
    volatile Node? _v4, _v6;

    /// <summary>Number of prefixes.</summary>
    public int Count { get; private set; }

    /// <summary>The value of the longest prefix that contains the address, or null.</summary>
    public T? Find(IpAddress address)
    {
        var v4 = address.IsV4;
        var key = v4 ? address.Bits << 96 : address.Bits;
        T? best = null;
        for (var node = v4 ? _v4 : _v6; node is not null && node.Covers(key); node = node.Child(key))
        {
            best = node.Value ?? best;
            if (node.Length == 128)
                break;
        }
        return best;
    }

    /// <summary>The value of exactly this prefix.</summary>
    public bool TryGet(Prefix prefix, [NotNullWhen(true)] out T? value)
    {
        var key = Key(prefix);
        var node = prefix.IsV4 ? _v4 : _v6;
        while (node is not null && node.Length < prefix.Length && node.Covers(key))
            node = node.Child(key);
        value = node is not null && node.Length == prefix.Length && node.Bits == key ? node.Value : null;
        return value is not null;
    }

    /// <summary>Adds the prefix, or gives it another value. Returns the value it had.</summary>
    public T? Set(Prefix prefix, T value)
    {
        ArgumentNullException.ThrowIfNull(value);
        TryGet(prefix, out var before);
        var key = Key(prefix);
        if (prefix.IsV4)
            _v4 = With(_v4, key, prefix.Length, value);
        else
            _v6 = With(_v6, key, prefix.Length, value);
        if (before is null)
            Count++;
        return before;
    }

    public bool Remove(Prefix prefix)
    {
        if (!TryGet(prefix, out _))
            return false;
        var key = Key(prefix);
        if (prefix.IsV4)
            _v4 = Without(_v4!, key, prefix.Length);
        else
            _v6 = Without(_v6!, key, prefix.Length);
        Count--;
        return true;
    }

    public void Clear()
    {
        (_v4, _v6) = (null, null);
        Count = 0;
    }

    static UInt128 Key(Prefix prefix) => prefix.IsV4 ? prefix.Address.Bits << 96 : prefix.Address.Bits;

    static Node With(Node? node, UInt128 key, int length, T value)
    {
        if (node is null)
            return new Node(key, length, value, null, null);
        var common = Math.Min(Math.Min(node.Length, length), (int)UInt128.LeadingZeroCount(node.Bits ^ key));
        if (common == node.Length)
        {
            if (common == length)
                return new Node(key, length, value, node.Zero, node.One);
            return node.WithChild(key, With(node.Child(key), key, length, value));
        }
        // They part at bit "common": a new node above both, valued only if the new prefix ends there.
        var parent = new Node(key & Mask(common), common, common == length ? value : null, null, null);
        parent = parent.WithChild(node.Bits, node);
        return common == length ? parent : parent.WithChild(key, new Node(key, length, value, null, null));
    }

    static Node? Without(Node node, UInt128 key, int length)
    {
        var left = node.Length == length
            ? new Node(node.Bits, length, null, node.Zero, node.One)
            : node.WithChild(key, Without(node.Child(key)!, key, length));
        if (left.Value is not null || (left.Zero is not null && left.One is not null))
            return left;
        return left.Zero ?? left.One;
    }

    static UInt128 Mask(int bits) => bits == 0 ? UInt128.Zero : UInt128.MaxValue << (128 - bits);

    sealed class Node(UInt128 bits, int length, T? value, Node? zero, Node? one)
    {
        public readonly UInt128 Bits = bits;
        public readonly int Length = length;
        public readonly T? Value = value;
        public readonly Node? Zero = zero, One = one;

        public bool Covers(UInt128 key) => ((Bits ^ key) & Mask(Length)) == UInt128.Zero;

        public Node? Child(UInt128 key) => IsOne(key) ? One : Zero;

        public Node WithChild(UInt128 key, Node? child) =>
            IsOne(key) ? new Node(Bits, Length, Value, Zero, child) : new Node(Bits, Length, Value, child, One);

        bool IsOne(UInt128 key) => ((ulong)(key >> (127 - Length)) & 1) != 0;
    }
}
