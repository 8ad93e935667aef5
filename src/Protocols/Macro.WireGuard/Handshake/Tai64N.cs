using System.Buffers.Binary;
using Macro.Core;

namespace Macro.WireGuard;

/// <summary>
/// The timestamp inside an initiation (whitepaper 5.4.2): 8 bytes of seconds and 4 of nanoseconds, big-endian. The low 24 bits of the
/// nanoseconds are cleared (16.8 ms steps, as wireguard-go does), so that it does not tell a clock's fine structure.
/// </summary>
readonly record struct Tai64N(ulong Seconds, uint Nanoseconds) : IComparable<Tai64N>
{
    public const int Size = 12;
    const ulong Base = 0x400000000000000a;
    const uint Whitening = 0x1000000 - 1;

    public static Tai64N At(Instant now) =>
        new(Base + (ulong)now.UnixSeconds, (uint)(now.Ticks % TimeSpan.TicksPerSecond * 100) & ~Whitening);

    public static Tai64N Read(ReadOnlySpan<byte> bytes) =>
        new(BinaryPrimitives.ReadUInt64BigEndian(bytes), BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]));

    public void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, Seconds);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], Nanoseconds);
    }

    /// <summary>Whoever wrote it may have written anything: what lies beyond the year 9999 becomes that.</summary>
    public Instant ToInstant() =>
        Instant.FromUnixSeconds((long)Math.Min(Seconds - Base, 253_402_300_799)) + TimeSpan.FromTicks(Nanoseconds / 100);

    public int CompareTo(Tai64N other) =>
        Seconds != other.Seconds ? Seconds.CompareTo(other.Seconds) : Nanoseconds.CompareTo(other.Nanoseconds);
}
