namespace Macro.Linux;

/// <summary>What the kernel granted to a TUN device.</summary>
/// <param name="Header">Packets come with a vnet header, without which there are no offloads.</param>
/// <param name="Checksums">Checksums may be left to the other side.</param>
/// <param name="Tcp">Whole TCP flights of up to 64 KiB (TSO for IPv4, IPv6 and ECN).</param>
/// <param name="Udp">Whole UDP flights (USO; Linux 6.2).</param>
public readonly record struct TunOffloads(bool Header, bool Checksums, bool Tcp, bool Udp);
