namespace Macro.Linux;

/// <summary>What the kernel granted to a UDP port.</summary>
/// <param name="Segments">A run of datagrams leaves in one piece (UDP_SEGMENT; Linux 4.18). Off once a device refused it.</param>
/// <param name="Joined">Runs arrive in one piece (UDP_GRO; Linux 5.0).</param>
/// <param name="SocketBuffer">Bytes that may wait in the kernel to be received.</param>
public readonly record struct UdpOffloads(bool Segments, bool Joined, int SocketBuffer);
