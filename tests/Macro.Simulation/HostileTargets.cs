using System.Net;
using Macro.Core;

namespace Macro.Simulation;

/// <summary>Where clients of an exit would like to get and must not, as they would write it, with the reason.</summary>
public static class HostileTargets
{
    /// <summary>Addresses of the machine in <see cref="All"/>, public ones.</summary>
    public static readonly IpAddress[] Own = [IpAddress.Parse("44.1.2.3"), IpAddress.Parse("2a01:4f8::7")];

    public static readonly (string Address, string What)[] All =
    [
        ("44.1.2.3", "the exit's own address"),
        ("2a01:4f8::7", "the exit's own address"),
        ("::ffff:44.1.2.3", "own address, mapped"),

        ("127.0.0.1", "loopback"),
        ("127.0.0.53", "loopback: the resolver of systemd"),
        ("127.1.2.3", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback, IPv4-mapped"),
        ("::127.0.0.1", "loopback, IPv4-compatible"),
        ("::ffff:0:127.0.0.1", "loopback, IPv4-translated (SIIT)"),
        ("64:ff9b::127.0.0.1", "loopback through NAT64"),
        ("64:ff9b:1::7f00:1", "loopback through a local NAT64"),
        ("64:ff9b:1:ffff::127.0.0.1", "loopback through a local NAT64"),
        ("2002:7f00:1::1", "loopback through 6to4"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback through Teredo"),
        ("fe80::5efe:127.0.0.1", "loopback through ISATAP"),

        ("0.0.0.0", "this host: many systems take it for loopback"),
        ("0.1.2.3", "this network"),
        ("::", "unspecified"),
        ("::ffff:0.0.0.0", "this host, mapped"),
        ("64:ff9b::", "this host through NAT64"),

        ("10.0.0.1", "private"),
        ("10.255.255.255", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.254", "private"),
        ("192.168.0.1", "private: the router"),
        ("192.168.255.255", "private"),
        ("::ffff:192.168.0.1", "private, mapped"),
        ("::10.0.0.1", "private, IPv4-compatible"),
        ("64:ff9b::10.0.0.1", "private through NAT64"),
        ("2002:c0a8:1::1", "private through 6to4"),
        ("2002:a00:1::", "private through 6to4"),
        ("2001:0:53aa:64c:0:0:3f57:fffe", "192.168.0.1 through Teredo"),
        ("fc00::1", "unique local"),
        ("fd00::1", "unique local"),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "unique local"),
        ("fd6d:6163:726f:65::2", "another session"),
        ("100.65.0.3", "another session"),
        ("100.64.0.2", "every client's own address"),
        ("100.127.255.254", "carrier-grade NAT"),

        ("169.254.0.1", "link-local"),
        ("169.254.169.254", "metadata of most hosting providers"),
        ("169.254.170.2", "metadata of containers at AWS"),
        ("::ffff:169.254.169.254", "metadata, mapped"),
        ("::169.254.169.254", "metadata, IPv4-compatible"),
        ("64:ff9b::169.254.169.254", "metadata through NAT64"),
        ("2002:a9fe:a9fe::1", "metadata through 6to4"),
        ("fd00:ec2::254", "metadata (AWS)"),
        ("fd20:ce::254", "metadata (Google)"),
        ("fd00:42::42", "metadata (Scaleway)"),
        ("fe80::a9fe:a9fe", "metadata (OpenStack)"),
        ("100.100.100.200", "metadata (Alibaba)"),
        ("192.0.0.192", "metadata (Oracle)"),
        ("168.63.129.16", "host services (Azure)"),
        ("fe80::1", "link-local: the router"),
        ("febf:ffff::1", "link-local"),
        ("fec0::1", "site-local"),

        ("192.0.0.1", "protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("2001:db8::1", "documentation"),
        ("3fff::1", "documentation"),
        ("192.88.99.1", "6to4 relay"),
        ("198.18.0.1", "benchmarks"),
        ("198.19.255.255", "benchmarks"),
        ("2001:2::1", "benchmarks"),
        ("2001:1::1", "Port Control Protocol anycast: opens ports of the router"),
        ("100::1", "discard"),
        ("5f00::1", "segment routing"),
        ("4000::1", "assigned to nobody"),

        ("224.0.0.1", "multicast: all hosts"),
        ("224.0.0.251", "multicast DNS"),
        ("239.255.255.250", "UPnP"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("ff02::1", "multicast: all hosts"),
        ("ff02::fb", "multicast DNS"),
        ("ff0e::1", "multicast"),
    ];

    /// <summary>The bytes on the wire, 4 or 16: a mapped address stays one.</summary>
    public static byte[] Wire(string address) => IPAddress.Parse(address).GetAddressBytes();
}
