namespace Macro.Circuits.Tests;

public sealed class TcpFrameTests
{
    [Fact]
    public void The_example_of_the_protocol_page_is_written_and_read()
    {
        var keepalive = Convert.FromHexString("0400000078563412" + "0700000000000000" + "000102030405060708090a0b0c0d0e0f");
        var stream = new byte[64];
        Assert.True(TcpFrame.TryWrite(keepalive, stream, out var size));
        Assert.Equal("2000" + "0400000078563412" + "0700000000000000" + "000102030405060708090a0b0c0d0e0f", Convert.ToHexStringLower(stream.AsSpan(0, size)));
        Assert.Equal(TcpFrameVerdict.Ok, TcpFrame.TryRead(stream, out var message, out var read));
        Assert.Equal((size, true), (read, message.SequenceEqual(keepalive)));
    }

    [Fact]
    public void Every_beginning_of_a_message_is_incomplete()
    {
        var stream = new byte[2 + 148];
        var initiation = new byte[148];
        initiation[0] = 1;
        Assert.True(TcpFrame.TryWrite(initiation, stream, out _));
        for (var length = 0; length < stream.Length; length++)
            Assert.Equal((TcpFrameVerdict.Incomplete, 0), (TcpFrame.TryRead(stream.AsSpan(0, length), out _, out var size), size));
    }

    [Theory]
    [InlineData("0000")]
    [InlineData("1f00")]
    [InlineData("ad05")]
    [InlineData("ffff")]
    [InlineData("4745")]
    public void A_length_that_no_message_has_breaks_the_stream_at_once(string hex) =>
        Assert.Equal(TcpFrameVerdict.Broken, TcpFrame.TryRead(Convert.FromHexString(hex), out _, out _));

    [Fact]
    public void What_is_no_wireguard_message_breaks_the_stream()
    {
        var stream = new byte[2 + 148];
        (stream[0], stream[2]) = (148, 2);
        Assert.Equal(TcpFrameVerdict.Broken, TcpFrame.TryRead(stream, out _, out _));
    }

    [Fact]
    public void What_fits_no_stream_is_not_written()
    {
        var room = new byte[4096];
        Assert.False(TcpFrame.TryWrite(new byte[148], room, out _));
        Assert.False(TcpFrame.TryWrite(Data(TcpFrame.MaxMessage + 1), room, out _));
        Assert.False(TcpFrame.TryWrite(Data(100), room.AsSpan(0, 101), out _));
        Assert.True(TcpFrame.TryWrite(Data(TcpFrame.MaxMessage), room, out var size));
        Assert.Equal(TcpFrame.MaxMessage + 2, size);
    }

    static byte[] Data(int length)
    {
        var message = new byte[length];
        message[0] = 4;
        return message;
    }
}
