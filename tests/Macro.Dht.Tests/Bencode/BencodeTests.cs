using System.Text;
using CsCheck;

namespace Macro.Dht.Tests;

public sealed class BencodeTests
{
    [Theory]
    [InlineData("i0e")]
    [InlineData("i-1e")]
    [InlineData("i9223372036854775807e")]
    [InlineData("i-9223372036854775808e")]
    [InlineData("0:")]
    [InlineData("4:spam")]
    [InlineData("le")]
    [InlineData("de")]
    [InlineData("l4:spami42ee")]
    [InlineData("d3:bar4:spam3:fooi42ee")]
    [InlineData("d0:0:1:a0:2:aa0:1:b0:e")]
    [InlineData("lllleeee")]
    public void Canonical_values_are_read(string text)
    {
        Assert.True(BencodeValue.TryParse(Encoding.ASCII.GetBytes(text), out var value));
        Assert.Equal(text, Encoding.ASCII.GetString(value.Raw));
    }

    [Theory]
    [InlineData("")]
    [InlineData("i")]
    [InlineData("ie")]
    [InlineData("i-e")]
    [InlineData("i-0e")]
    [InlineData("i01e")]
    [InlineData("i+1e")]
    [InlineData("i 1e")]
    [InlineData("i9223372036854775808e")]
    [InlineData("i-9223372036854775809e")]
    [InlineData("i99999999999999999999e")]
    [InlineData("01:a")]
    [InlineData("-1:a")]
    [InlineData("2:a")]
    [InlineData("99999999999999999999:a")]
    [InlineData("1")]
    [InlineData("l")]
    [InlineData("e")]
    [InlineData("d1:ae")]
    [InlineData("d1:a")]
    [InlineData("di1ei2ee")]
    [InlineData("d1:b0:1:a0:e")]
    [InlineData("d1:a0:1:a0:e")]
    [InlineData("lee")]
    [InlineData("i1ei2e")]
    [InlineData("1:ab")]
    public void Anything_else_is_refused(string text) =>
        Assert.False(BencodeValue.TryParse(Encoding.ASCII.GetBytes(text), out _));

    [Fact]
    public void Nesting_is_bounded()
    {
        Assert.True(BencodeValue.TryParse(Nested(BencodeValue.MaxDepth), out _));
        Assert.False(BencodeValue.TryParse(Nested(BencodeValue.MaxDepth + 1), out _));
        Assert.False(BencodeValue.TryParse(new string('l', 65000).Select(c => (byte)c).ToArray(), out _));

        static byte[] Nested(int depth) => [.. Enumerable.Repeat((byte)'l', depth), .. Enumerable.Repeat((byte)'e', depth)];
    }

    [Fact]
    public void Members_come_in_order_with_their_keys()
    {
        Assert.True(BencodeValue.TryParse("d1:ai7e2:bbli1e1:xe1:c3:abce"u8, out var value));
        var seen = new List<string>();
        foreach (var member in value)
            seen.Add($"{Encoding.ASCII.GetString(member.Key)}={Encoding.ASCII.GetString(member.Value.Raw)}");

        Assert.Equal(["a=i7e", "bb=li1e1:xe", "c=3:abc"], seen);
        Assert.True(value.TryFind("a"u8, out var a) && a.TryGetInteger(out var number) && number == 7);
        Assert.True(value.TryFind("c"u8, out var c) && c.TryGetString(out var text) && text.SequenceEqual("abc"u8));
        Assert.False(value.TryFind("b"u8, out _));
    }

    /// <summary>What a model writes is read back byte by byte.</summary>
    [Fact]
    public void Everything_that_is_written_is_read() =>
        Tree(3).Sample(tree =>
        {
            var bytes = Write(tree);
            Assert.True(BencodeValue.TryParse(bytes, out var value));
            Assert.Equal(bytes, Rewrite(value));
        });

    [Fact]
    public void Garbage_never_throws() =>
        Gen.Byte.Array[0, 300].Sample(bytes =>
        {
            if (BencodeValue.TryParse(bytes, out var value))
                Rewrite(value);
        }, iter: 20_000);

    [Fact]
    public void Changed_bytes_never_throw_and_never_read_past_the_end() =>
        Gen.Select(Tree(3), Gen.Int[0, 1 << 20], Gen.Byte, Gen.Int[0, 1 << 20]).Sample((tree, at, with, cut) =>
        {
            var bytes = Write(tree);
            bytes[at % bytes.Length] = with;
            bytes = bytes[..(bytes.Length - cut % 3 % bytes.Length)];
            if (BencodeValue.TryParse(bytes, out var value))
                Assert.Equal(bytes, Rewrite(value));
        }, iter: 20_000);

    [Fact]
    public void A_full_buffer_is_told()
    {
        var writer = new BencodeWriter(new byte[5]);
        writer.String("abc"u8);
        Assert.False(writer.Overflowed);
        writer.Integer(1);
        Assert.True(writer.Overflowed);
        Assert.Equal(5, writer.Length);
    }

    static Gen<object> Tree(int depth)
    {
        var leaf = Gen.OneOf(Gen.Long.Select(number => (object)number), Gen.Byte.Array[0, 20].Select(text => (object)text));
        if (depth == 0)
            return leaf;
        var inner = Tree(depth - 1);
        return Gen.OneOf(
            leaf,
            inner.List[0, 4].Select(list => (object)list),
            Gen.Select(Gen.Byte.Array[0, 4], inner).List[0, 4].Select(pairs => (object)pairs.DistinctBy(pair => Convert.ToHexString(pair.Item1)).ToList()));
    }

    static byte[] Write(object tree)
    {
        var buffer = new byte[65536];
        var writer = new BencodeWriter(buffer);
        Write(ref writer, tree);
        Assert.False(writer.Overflowed);
        return buffer[..writer.Length];
    }

    static void Write(ref BencodeWriter writer, object tree)
    {
        switch (tree)
        {
            case long number:
                writer.Integer(number);
                break;
            case byte[] text:
                writer.String(text);
                break;
            case List<object> list:
                writer.BeginList();
                foreach (var item in list)
                    Write(ref writer, item);
                writer.End();
                break;
            case List<(byte[], object)> pairs:
                writer.BeginDictionary();
                foreach (var (key, value) in pairs.OrderBy(pair => pair.Item1, Comparer<byte[]>.Create((a, b) => a.AsSpan().SequenceCompareTo(b))))
                {
                    writer.String(key);
                    Write(ref writer, value);
                }
                writer.End();
                break;
        }
    }

    /// <summary>Writes what the accessors see.</summary>
    static byte[] Rewrite(BencodeValue value)
    {
        var buffer = new byte[65536];
        var writer = new BencodeWriter(buffer);
        Rewrite(ref writer, value);
        return buffer[..writer.Length];
    }

    static void Rewrite(ref BencodeWriter writer, BencodeValue value)
    {
        if (value.TryGetInteger(out var number))
            writer.Integer(number);
        else if (value.TryGetString(out var text))
            writer.String(text);
        else
        {
            if (value.Kind == BencodeKind.Dictionary)
                writer.BeginDictionary();
            else
                writer.BeginList();
            foreach (var member in value)
            {
                if (value.Kind == BencodeKind.Dictionary)
                    writer.String(member.Key);
                Rewrite(ref writer, member.Value);
            }
            writer.End();
        }
    }
}
