namespace Macro.NetStack.Dns;

/// <summary>Record and question types (IANA "DNS Parameters") that this code has to know; all others pass through as numbers.</summary>
public enum RecordType : ushort
{
    A = 1,
    Ns = 2,
    Md = 3,
    Mf = 4,
    Cname = 5,
    Soa = 6,
    Mb = 7,
    Mg = 8,
    Mr = 9,
    Ptr = 12,
    Minfo = 14,
    Mx = 15,
    Txt = 16,
    Rp = 17,
    Afsdb = 18,
    Rt = 21,
    Sig = 24,
    Px = 26,
    Aaaa = 28,
    Nxt = 30,
    Srv = 33,
    Naptr = 35,
    Kx = 36,
    Dname = 39,
    Opt = 41,
    Ds = 43,
    Rrsig = 46,
    Nsec = 47,
    Dnskey = 48,
    Nsec3 = 50,
    Svcb = 64,
    Https = 65,
    Tkey = 249,
    Tsig = 250,
    Ixfr = 251,
    Axfr = 252,
    Any = 255,
    Caa = 257,
}

public enum RecordClass : ushort
{
    Internet = 1,
    Chaos = 3,
    None = 254,
    Any = 255,
}

/// <summary>Response codes; 12 bits with EDNS (RFC 6895 2.3).</summary>
public enum ResponseCode : ushort
{
    NoError = 0,
    FormatError = 1,
    ServerFailure = 2,
    NoSuchName = 3,
    NotImplemented = 4,
    Refused = 5,
    NameExistsThatShouldNot = 6,
    BadVersion = 16,
}

/// <summary>The second 16 bits of the header without opcode and response code (RFC 1035 4.1.1, RFC 4035 3).</summary>
[Flags]
public enum HeaderFlags : ushort
{
    None = 0,
    CheckingDisabled = 0x0010,
    AuthenticData = 0x0020,
    RecursionAvailable = 0x0080,
    RecursionDesired = 0x0100,
    Truncated = 0x0200,
    Authoritative = 0x0400,
    Response = 0x8000,
}

/// <summary>The three sections of records, in their order on the wire.</summary>
public enum Section : byte
{
    Answer,
    Authority,
    Additional,
}
