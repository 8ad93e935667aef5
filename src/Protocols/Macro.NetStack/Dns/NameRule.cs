namespace Macro.NetStack.Dns;

/// <summary>What becomes of a question before any cache or upstream hears of it.</summary>
public enum NameRuling
{
    /// <summary>It is resolved.</summary>
    Resolve,

    /// <summary>NXDOMAIN, answered here.</summary>
    NoSuchName,

    /// <summary>NOERROR without records, answered here.</summary>
    NoData,

    /// <summary>127.0.0.1 or ::1, no records of other types; answered here.</summary>
    Loopback,

    /// <summary>NXDOMAIN, with the extended error "blocked" (RFC 8914 4.16): a rule of the user's.</summary>
    Blocked,
}

/// <summary>The one place that every question passes: <see cref="SpecialNames"/> first, then the user's rule, if any.</summary>
/// <param name="name">Wire form, letters as the client wrote them.</param>
public delegate NameRuling NameRule(ReadOnlySpan<byte> name, RecordType type);
