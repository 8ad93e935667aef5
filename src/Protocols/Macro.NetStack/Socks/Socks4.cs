using System.Buffers.Binary;
using Macro.Core;

namespace Macro.NetStack;

/// <summary>Answers of SOCKS 4.</summary>
public enum Socks4Reply : byte
{
    Granted = 90,
    Rejected = 91,
}

/// <summary>SOCKS 4 and 4a (the memos of Ying-Da Lee): a request of the client, an answer of 8 bytes.</summary>
public static class Socks4
{
    public const int ReplySize = 8;

    /// <summary>Bytes of the longest request: header, user and name, each with its zero.</summary>
    public const int MaxRequest = HeaderSize + ProxyUser.MaxBytes + 1 + ProxyTarget.MaxName + 2;

    const int HeaderSize = 8;
    const byte Connect = 1;

    /// <summary>
    /// <code>
    /// 0     version   4
    /// 1     command   1 CONNECT, 2 BIND
    /// 2..3  port      big-endian
    /// 4..7  address   0.0.0.x with x not 0: a name follows the user (4a)
    /// 8..   user      ends with a zero; then the name, with another
    /// </code>
    /// </summary>
    /// <param name="supported">False for a whole request that is no CONNECT, or has no target that one could connect to.</param>
    public static InputVerdict TryParseRequest(ReadOnlySpan<byte> bytes, out string user, out ProxyTarget target, out bool supported, out int length)
    {
        (user, target, supported, length) = ("", default, false, 0);
        if (bytes.Length > 0 && bytes[0] != 4)
            return InputVerdict.Malformed;
        if (bytes.Length < HeaderSize)
            return InputVerdict.Incomplete;
        var verdict = TryReadText(bytes[HeaderSize..], ProxyUser.MaxBytes, out var userId);
        if (verdict != InputVerdict.Complete)
            return verdict;
        if (!ProxyUser.TryParse(userId, out user))
            return InputVerdict.Malformed;
        length = HeaderSize + userId.Length + 1;
        var port = BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]);
        var address = IpAddress.Read(bytes[4..8]);
        if (address.V4Bits is 0 or > 255)
        {
            target = new ProxyTarget(new Endpoint(address, port));
            supported = bytes[1] == Connect && port != 0 && address.V4Bits != 0;
            return InputVerdict.Complete;
        }
        verdict = TryReadText(bytes[length..], ProxyTarget.MaxName + 1, out var name);
        if (verdict != InputVerdict.Complete)
            return verdict;
        length += name.Length + 1;
        supported = ProxyTarget.TryParse(name, port, out target) && bytes[1] == Connect;
        return InputVerdict.Complete;
    }

    /// <summary>Writes <see cref="ReplySize"/> bytes.</summary>
    public static void WriteReply(Span<byte> reply, Socks4Reply answer)
    {
        reply[..ReplySize].Clear();
        reply[1] = (byte)answer;
    }

    static InputVerdict TryReadText(ReadOnlySpan<byte> bytes, int most, out ReadOnlySpan<byte> text)
    {
        text = default;
        var end = bytes.IndexOf((byte)0);
        if (end > most || end < 0 && bytes.Length > most)
            return InputVerdict.TooLong;
        if (end < 0)
            return InputVerdict.Incomplete;
        text = bytes[..end];
        return InputVerdict.Complete;
    }
}
