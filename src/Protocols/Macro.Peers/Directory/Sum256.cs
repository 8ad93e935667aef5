using System.Buffers.Binary;

namespace Macro.Peers;

/// <summary>A number modulo 2^256: sums of hashes, from which a part can be taken away again.</summary>
readonly record struct Sum256(UInt128 Low, UInt128 High)
{
    public const int Size = 32;

    public static Sum256 Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt128LittleEndian(bytes), BinaryPrimitives.ReadUInt128LittleEndian(bytes[16..]));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, Low);
        BinaryPrimitives.WriteUInt128LittleEndian(bytes[16..], High);
    }

    public static Sum256 operator +(Sum256 a, Sum256 b)
    {
        var low = unchecked(a.Low + b.Low);
        return new Sum256(low, unchecked(a.High + b.High + (low < a.Low ? UInt128.One : UInt128.Zero)));
    }

    public static Sum256 operator -(Sum256 a, Sum256 b) =>
        new(unchecked(a.Low - b.Low), unchecked(a.High - b.High - (a.Low < b.Low ? UInt128.One : UInt128.Zero)));
}
