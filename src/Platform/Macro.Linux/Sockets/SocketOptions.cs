namespace Macro.Linux;

/// <summary>How a non-blocking socket is opened.</summary>
public sealed record SocketOptions
{
    public static readonly SocketOptions Default = new();

    /// <summary>Mark of the packets sent, for policy routing; 0 for none. Needs CAP_NET_ADMIN.</summary>
    public uint Mark { get; init; }

    /// <summary>Bytes of the send buffer; 0 leaves it to the kernel, which tunes it by itself.</summary>
    public int SendBuffer { get; init; }

    /// <summary>Bytes of the receive buffer; 0 leaves it to the kernel, which tunes it by itself.</summary>
    public int ReceiveBuffer { get; init; }
}
