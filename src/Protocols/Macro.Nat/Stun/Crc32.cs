namespace Macro.Nat.Stun;

/// <summary>CRC-32 of ISO 3309 and V.42, reflected, polynomial 0xEDB88320: what FINGERPRINT is made of (RFC 8489 14.7).</summary>
static class Crc32
{
    static readonly uint[] s_table = [.. Enumerable.Range(0, 256).Select(Entry)];

    public static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var b in bytes)
            crc = (crc >> 8) ^ s_table[(byte)crc ^ b];
        return ~crc;
    }

    static uint Entry(int index)
    {
        var crc = (uint)index;
        for (var bit = 0; bit < 8; bit++)
            crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xedb88320;
        return crc;
    }
}
