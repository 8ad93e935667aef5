namespace Macro.Nat.Stun;

/// <summary>The two class bits of a message type, where they stand in it (RFC 8489 5).</summary>
public enum MessageClass : ushort
{
    Request = 0x000,
    Indication = 0x010,
    Success = 0x100,
    Error = 0x110,
}

/// <summary>Attributes that we know (RFC 8489 18.3, RFC 5780 9.1). Those below 0x8000 must be understood by who reads them.</summary>
public enum AttributeType : ushort
{
    MappedAddress = 0x0001,
    ChangeRequest = 0x0003,
    Username = 0x0006,
    MessageIntegrity = 0x0008,
    ErrorCode = 0x0009,
    UnknownAttributes = 0x000a,
    Realm = 0x0014,
    Nonce = 0x0015,
    MessageIntegritySha256 = 0x001c,
    PasswordAlgorithm = 0x001d,
    UserHash = 0x001e,
    XorMappedAddress = 0x0020,
    ResponsePort = 0x0027,
    Fingerprint = 0x8028,
    ResponseOrigin = 0x802b,
    OtherAddress = 0x802c,
}

/// <summary>From where a server is asked to answer (CHANGE-REQUEST, RFC 5780 7.2).</summary>
[Flags]
public enum ChangeRequest : byte
{
    None = 0,
    Port = 2,
    Address = 4,
    Both = Port | Address,
}

/// <summary>Numbers of an error response that we send or act on (RFC 8489 14.8).</summary>
public static class ErrorCodes
{
    public const int BadRequest = 400;
    public const int UnknownAttribute = 420;
}
