using System.Buffers.Binary;
using Macro.Core;

namespace Macro.NetStack;

/// <summary>Methods of authentication that a client offers (RFC 1928 3).</summary>
[Flags]
public enum Socks5Methods
{
    None = 0,
    NoAuthentication = 1,
    UserName = 2,
}

/// <summary>What a client asks for (RFC 1928 4).</summary>
public enum Socks5Command : byte
{
    Connect = 1,
    Bind = 2,
    UdpAssociate = 3,
}

/// <summary>Answers to a request (RFC 1928 6).</summary>
public enum Socks5Reply : byte
{
    Succeeded = 0,
    GeneralFailure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    ConnectionRefused = 5,
    TimeToLiveExpired = 6,
    CommandNotSupported = 7,
    AddressTypeNotSupported = 8,
}

/// <summary>SOCKS 5 (RFC 1928) with user names (RFC 1929), the server's side: parsers of what comes, writers of what goes.</summary>
public static class Socks5
{
    /// <summary>Bytes of the longest message of a client: user name and password.</summary>
    public const int MaxMessage = 3 + 255 + 255;

    /// <summary>Bytes of the longest answer to a request.</summary>
    public const int MaxReply = 4 + 16 + 2;

    const byte Version = 5;
    const byte CredentialsVersion = 1;
    const byte NoAuthentication = 0;
    const byte UserName = 2;
    const byte NoneAcceptable = 0xff;
    const byte V4 = 1;
    const byte Name = 3;
    const byte V6 = 4;

    /// <summary>
    /// <code>
    /// 0    version   5
    /// 1    count     of methods
    /// 2..  methods   one byte each
    /// </code>
    /// </summary>
    public static InputVerdict TryParseGreeting(ReadOnlySpan<byte> bytes, out Socks5Methods methods, out int length)
    {
        (methods, length) = (Socks5Methods.None, 0);
        if (bytes.Length > 0 && bytes[0] != Version)
            return InputVerdict.Malformed;
        if (bytes.Length < 2 || bytes.Length < 2 + bytes[1])
            return InputVerdict.Incomplete;
        length = 2 + bytes[1];
        var offered = bytes[2..length];
        if (offered.Contains(NoAuthentication))
            methods |= Socks5Methods.NoAuthentication;
        if (offered.Contains(UserName))
            methods |= Socks5Methods.UserName;
        return InputVerdict.Complete;
    }

    /// <summary>Writes 2 bytes: which one of the methods is to be used.</summary>
    public static void WriteMethod(Span<byte> answer, Socks5Methods method)
    {
        answer[0] = Version;
        answer[1] = method switch
        {
            Socks5Methods.NoAuthentication => NoAuthentication,
            Socks5Methods.UserName => UserName,
            _ => NoneAcceptable,
        };
    }

    /// <summary>
    /// <code>
    /// 0    version    1
    /// 1    length     of the name, 1..255; then the name
    /// ..   length     of the password; then the password
    /// </code>
    /// </summary>
    public static InputVerdict TryParseCredentials(ReadOnlySpan<byte> bytes, out string user, out int length)
    {
        (user, length) = ("", 0);
        if (bytes.Length > 0 && bytes[0] != CredentialsVersion)
            return InputVerdict.Malformed;
        if (bytes.Length < 2 || bytes.Length < 3 + bytes[1] || bytes.Length < 3 + bytes[1] + bytes[2 + bytes[1]])
            return InputVerdict.Incomplete;
        length = 3 + bytes[1] + bytes[2 + bytes[1]];
        return ProxyUser.TryParse(bytes.Slice(2, bytes[1]), out user) ? InputVerdict.Complete : InputVerdict.Malformed;
    }

    /// <summary>Writes 2 bytes.</summary>
    public static void WriteCredentialsAnswer(Span<byte> answer, bool accepted) => (answer[0], answer[1]) = (CredentialsVersion, accepted ? (byte)0 : (byte)1);

    /// <summary>
    /// <code>
    /// 0    version   5
    /// 1    command
    /// 2    reserved
    /// 3    type      1 IPv4, 3 name (a length byte first), 4 IPv6; then the address, then the port, big-endian
    /// </code>
    /// </summary>
    /// <param name="refusal">
    /// Of a whole request: <see cref="Socks5Reply.Succeeded"/> when it can be served, else the answer it deserves. A malformed one
    /// deserves <see cref="Socks5Reply.AddressTypeNotSupported"/> or <see cref="Socks5Reply.GeneralFailure"/>.
    /// </param>
    public static InputVerdict TryParseRequest(ReadOnlySpan<byte> bytes, out Socks5Command command, out ProxyTarget target, out Socks5Reply refusal, out int length)
    {
        (command, target, refusal, length) = (default, default, Socks5Reply.GeneralFailure, 0);
        if (bytes.Length > 0 && bytes[0] != Version)
            return InputVerdict.Malformed;
        if (bytes.Length < 4)
            return InputVerdict.Incomplete;
        command = (Socks5Command)bytes[1];
        // RFC 1928 7: a client that does not know from where it will send datagrams asks with zeros.
        var verdict = TryParseAddress(bytes, mayBeAny: command == Socks5Command.UdpAssociate, out target, out refusal, out length);
        if (verdict == InputVerdict.Complete && command is not (Socks5Command.Connect or Socks5Command.UdpAssociate))
            refusal = Socks5Reply.CommandNotSupported;
        return verdict;
    }

    /// <summary>Writes the answer to a request; returns its bytes, at most <see cref="MaxReply"/>.</summary>
    /// <param name="bound">The address and port that the connection has outside, or where datagrams are to be sent; none is 0.0.0.0:0.</param>
    public static int WriteReply(Span<byte> reply, Socks5Reply answer, Endpoint bound)
    {
        reply[1] = (byte)answer;
        reply[2] = 0;
        var length = WriteAddress(reply, bound);
        reply[0] = Version;
        return length;
    }

    /// <summary>
    /// The header before each datagram of an association (RFC 1928 7): as a request's, with zeros for version and command. A
    /// fragment is refused, as the RFC allows.
    /// </summary>
    /// <param name="length">Bytes of the header; the payload follows.</param>
    public static bool TryParseDatagram(ReadOnlySpan<byte> datagram, out ProxyTarget target, out int length)
    {
        (target, length) = (default, 0);
        return datagram.Length >= 4 && datagram[2] == 0
            && TryParseAddress(datagram, mayBeAny: false, out target, out var refusal, out length) == InputVerdict.Complete
            && refusal == Socks5Reply.Succeeded;
    }

    /// <summary>Writes the header of a datagram for the client; returns its bytes, at most <see cref="MaxReply"/>.</summary>
    public static int WriteDatagramHeader(Span<byte> header, Endpoint source)
    {
        header[..3].Clear();
        return WriteAddress(header, source);
    }

    static InputVerdict TryParseAddress(ReadOnlySpan<byte> bytes, bool mayBeAny, out ProxyTarget target, out Socks5Reply refusal, out int length)
    {
        (target, refusal, length) = (default, Socks5Reply.GeneralFailure, 0);
        var rest = bytes[4..];
        var size = bytes[3] switch
        {
            V4 => 4,
            V6 => 16,
            Name => rest.IsEmpty ? 1 : 1 + rest[0],
            _ => -1,
        };
        if (size < 0)
        {
            refusal = Socks5Reply.AddressTypeNotSupported;
            return InputVerdict.Malformed;
        }
        if (rest.Length < size + 2)
            return InputVerdict.Incomplete;
        length = 4 + size + 2;
        var port = BinaryPrimitives.ReadUInt16BigEndian(rest[size..]);
        if (bytes[3] == Name)
        {
            if (ProxyTarget.TryParse(rest[1..size], port, out target))
                refusal = Socks5Reply.Succeeded;
            else if (mayBeAny)
                refusal = Socks5Reply.Succeeded;
            return InputVerdict.Complete;
        }
        target = new ProxyTarget(new Endpoint(IpAddress.Read(rest[..size]), port));
        if (mayBeAny || port != 0 && !target.Address.IsAny)
            refusal = Socks5Reply.Succeeded;
        return InputVerdict.Complete;
    }

    /// <summary>Writes type, address and port from byte 3 on.</summary>
    static int WriteAddress(Span<byte> message, Endpoint endpoint)
    {
        var address = endpoint.IsNone ? IpAddress.V4Any : endpoint.Address;
        message[3] = address.IsV4 ? V4 : V6;
        address.Write(message[4..]);
        BinaryPrimitives.WriteUInt16BigEndian(message[(4 + address.Size)..], endpoint.Port);
        return 4 + address.Size + 2;
    }
}
