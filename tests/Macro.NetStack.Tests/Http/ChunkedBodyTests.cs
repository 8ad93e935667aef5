using System.Text;
using CsCheck;

namespace Macro.NetStack.Tests.Http;

public sealed class ChunkedBodyTests
{
    static readonly Gen<byte[]> Bodies = Gen.Select(Gen.Byte.Array[1, 300].Array[0, 5], Gen.Bool, Gen.Bool, (chunks, extension, trailer) =>
    {
        var body = new MemoryStream();
        foreach (var chunk in chunks)
        {
            body.Write(Encoding.ASCII.GetBytes($"{chunk.Length:x}{(extension ? ";a=\"b\"" : "")}\r\n"));
            body.Write(chunk);
            body.Write("\r\n"u8);
        }
        body.Write(Encoding.ASCII.GetBytes($"000\r\n{(trailer ? "X: y\r\n" : "")}\r\n"));
        return body.ToArray();
    });

    [Fact]
    public void Finds_the_end_however_the_bytes_are_cut() =>
        Gen.Select(Bodies, Gen.Byte.Array[0, 20], Gen.Int[1, 40]).Sample((body, behind, step) =>
        {
            byte[] all = [.. body, .. behind];
            var chunks = new ChunkedBody();
            var taken = 0;
            while (taken < all.Length && !chunks.IsComplete)
                taken += chunks.Take(all.AsSpan(taken, Math.Min(step, all.Length - taken)));
            return taken == body.Length && chunks.IsComplete && !chunks.IsMalformed;
        });

    [Theory]
    [InlineData("x")]
    [InlineData("\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("0x1\r\na\r\n")]
    [InlineData("1\na\n")]
    [InlineData("1\r\nab")]
    [InlineData("1000000000000000\r\n")]
    [InlineData("1;\n\r\n")]
    [InlineData("0\r\nX: y\n\r\n")]
    public void What_readers_might_understand_differently_is_malformed(string text)
    {
        var chunks = new ChunkedBody();
        chunks.Take(Encoding.ASCII.GetBytes(text));

        Assert.True(chunks.IsMalformed);
        Assert.Equal(0, chunks.Take("0\r\n\r\n"u8));
    }

    [Theory]
    [InlineData("1;", 9000)]
    [InlineData("0\r\n", 9000)]
    public void Lines_have_a_bound(string start, int length)
    {
        var chunks = new ChunkedBody();
        chunks.Take(Encoding.ASCII.GetBytes(start + new string('a', length)));

        Assert.True(chunks.IsMalformed);
    }

    [Fact]
    public void Garbage_ends_nowhere_or_is_malformed_but_never_throws() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            var whole = new ChunkedBody();
            var taken = whole.Take(bytes);
            var single = new ChunkedBody();
            var one = 0;
            while (one < bytes.Length && single.Take(bytes.AsSpan(one, 1)) == 1)
                one++;
            return taken == one && whole.IsComplete == single.IsComplete && whole.IsMalformed == single.IsMalformed;
        });
}
