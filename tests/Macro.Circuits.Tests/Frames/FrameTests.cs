using CsCheck;
using Macro.Circuits;

namespace Macro.Circuits.Tests;

public class FrameTests
{
    [Fact]
    public void Header_bytes_are_as_documented()
    {
        var bytes = new byte[Frame.HeaderSize + 2];
        new Frame(FrameType.Forward, 1, 2, 0x0403_0201).Write(bytes);
        Assert.Equal("0101020001020304", Convert.ToHexStringLower(bytes.AsSpan(0, 8)));
    }

    [Fact]
    public void Every_header_is_read_back() =>
        Gen.Select(Gen.Int[1, 3], Gen.Byte, Gen.UShort[0, 1400], Gen.UInt, Gen.Int[0, 15]).Sample((type, flags, length, channel, padding) =>
        {
            var bytes = new byte[Frame.HeaderSize + length + padding];
            var frame = new Frame((FrameType)type, flags, length, channel);
            frame.Write(bytes);
            return Frame.TryRead(bytes, out var read) && read == frame;
        });

    [Fact]
    public void A_frame_that_claims_more_than_there_is_is_refused()
    {
        var bytes = new byte[Frame.HeaderSize + 9];
        new Frame(FrameType.Control, 0, 10, 0).Write(bytes);
        Assert.False(Frame.TryRead(bytes, out _));
    }

    [Fact]
    public void Packets_and_unknown_types_are_not_frames()
    {
        foreach (var first in new byte[] { 0, 4, 0x45, 0x60, 0xff })
            Assert.False(Frame.TryRead([first, 0, 0, 0, 0, 0, 0, 0], out _));
        Assert.False(Frame.TryRead([1, 0, 0, 0, 0, 0, 0], out _));
    }
}
