using System.Buffers.Binary;

namespace Macro.StackPeer;

/// <summary>
/// What a client asks of the server with its first five bytes: a letter, and milliseconds (big-endian). The receiving
/// side counts what arrives in that time; after an upload the server answers with the count, 8 bytes.
/// </summary>
static class Protocol
{
    public const char Up = 'u', Down = 'd', Echo = 'e';

    public const int RequestSize = 5, CountSize = 8;

    public static byte[] Request(char kind, TimeSpan time)
    {
        var request = new byte[RequestSize];
        request[0] = (byte)kind;
        BinaryPrimitives.WriteUInt32BigEndian(request.AsSpan(1), (uint)time.TotalMilliseconds);
        return request;
    }

    public static TimeSpan Time(ReadOnlySpan<byte> request) => TimeSpan.FromMilliseconds(BinaryPrimitives.ReadUInt32BigEndian(request[1..]));

    public static double Megabits(long bytes, TimeSpan time) => bytes * 8 / 1e6 / time.TotalSeconds;
}
