using Macro.Dht;

namespace Macro.Fuzz;

/// <summary>Bencode: what is read is canonical, so that writing it again gives the same bytes.</summary>
sealed class BencodeTarget : IFuzzTarget
{
    readonly byte[] _again = new byte[4096];

    public string Name => "bencode";

    public int MaxAllocation => 0;

    public uint Run(ReadOnlySpan<byte> input)
    {
        var seen = new Digest();
        if (!BencodeValue.TryParse(input, out var value))
            return seen.Value;
        var writer = new BencodeWriter(_again);
        Write(value, ref writer, ref seen, depth: 1);
        InvariantException.Require(!writer.Overflowed && writer.Written.SequenceEqual(input), "what was read is canonical");
        return seen.Value;
    }

    static void Write(BencodeValue value, ref BencodeWriter writer, ref Digest seen, int depth)
    {
        InvariantException.Require(depth <= BencodeValue.MaxDepth + 1, "nesting has its bound");
        seen.Add((int)value.Kind);
        switch (value.Kind)
        {
            case BencodeKind.Integer:
                InvariantException.Require(value.TryGetInteger(out var number), "an integer has a value");
                writer.Integer(number);
                break;
            case BencodeKind.String:
                InvariantException.Require(value.TryGetString(out var text), "a string has bytes");
                seen.AddSize(text.Length);
                writer.String(text);
                break;
            case BencodeKind.List:
                writer.BeginList();
                foreach (var member in value)
                    Write(member.Value, ref writer, ref seen, depth + 1);
                writer.End();
                break;
            case BencodeKind.Dictionary:
                writer.BeginDictionary();
                foreach (var member in value)
                {
                    InvariantException.Require(value.TryFind(member.Key, out var found) && found.Raw == member.Value.Raw, "a key is there once");
                    writer.String(member.Key);
                    Write(member.Value, ref writer, ref seen, depth + 1);
                }
                writer.End();
                break;
            case BencodeKind.None:
                throw new InvariantException("a value that was read is something");
        }
    }
}
