using System.Globalization;
using Macro.Api;
using Macro.Crypto;
using Macro.Daemon.Devices;
using Macro.Linux;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>Says in plain words what the machine gives the node. Looks only; changes nothing that stays.</summary>
static class Doctor
{
    /// <summary>A thirtieth of a second at 1 Gbit/s; with less, a busy port loses datagrams.</summary>
    const int EnoughBuffer = 4 * 1024 * 1024;

    public static IEnumerable<Finding> Crypto()
    {
        yield return Aead.SelfTestFailed is { } failed
            ? Warn("aead", $"{failed} failed its self-test; {Aead.Implementation} is used.", "Report this with the model of the processor.")
            : Aead.Implementation == "libsodium"
                ? Warn("aead", "libsodium, one packet at a time.", "A processor with AVX2 or AVX-512 encrypts several packets at once.")
                : Good("aead", $"{Aead.Implementation}, many packets at once.");
        yield return X25519.SelfTestFailed is { } broken
            ? Warn("x25519", $"{broken} failed its self-test; {X25519.Implementation} is used.", "Report this with the model of the processor.")
            : Good("x25519", $"{X25519.Implementation}.");
    }

    /// <param name="sockets">Of the node's port.</param>
    public static IEnumerable<Finding> Udp(IReadOnlyList<UdpPort> sockets)
    {
        var offloads = sockets[0].Offloads;
        yield return Good("pumps", string.Create(CultureInfo.InvariantCulture,
            $"{sockets.Count} for the UDP port, {Environment.ProcessorCount} processors."));
        yield return offloads.Segments
            ? Good("udp-segmentation", "datagrams leave in runs (UDP_SEGMENT).")
            : Warn("udp-segmentation", "every datagram is sent by itself.", "Use Linux 4.18 or later and a network device that can checksum (ethtool -K DEVICE tx on).");
        yield return offloads.Joined
            ? Good("udp-receive", "datagrams arrive in runs (UDP_GRO).")
            : Warn("udp-receive", "every datagram is received by itself.", "Use Linux 5.0 or later.");
        yield return offloads.SocketBuffer >= EnoughBuffer
            ? Good("udp-buffer", $"{offloads.SocketBuffer / 1024} KiB.")
            : Warn("udp-buffer", $"only {offloads.SocketBuffer / 1024} KiB: a busy port will lose datagrams.",
                "Give the node CAP_NET_ADMIN, or set net.core.rmem_max and net.core.wmem_max to 7340032.");
        if (!Machine.HasV6)
            yield return Warn("ipv6", "the kernel has none: relays that have only IPv6 cannot be reached.", "Do not boot with ipv6.disable=1.");
    }

    public static IEnumerable<Finding> Tun(TunOffloads offloads)
    {
        yield return offloads.Tcp
            ? Good("tun-tcp", "TCP passes the TUN device in flights of up to 64 KiB (TSO).")
            : Warn("tun-tcp", offloads.Header ? "every TCP packet is passed by itself." : "the TUN device has no vnet headers: every packet is passed by itself.",
                "Let the node make its own TUN device.");
        yield return offloads.Udp
            ? Good("tun-udp", "UDP passes the TUN device in flights (USO).")
            : Warn("tun-udp", "every UDP packet is passed by itself.", "Use Linux 6.2 or later.");
    }

    /// <summary>A TUN device for a moment, where the node has none just now.</summary>
    public static IEnumerable<Finding> TryTun()
    {
        try
        {
            using var tun = TunDevice.Create("macroprobe%d");
            return [.. Tun(tun.Offloads)];
        }
        catch (LinuxException e)
        {
            return [Warn("tun", e.Message, "Run macrovpnd as root or with CAP_NET_ADMIN, and load the module tun.")];
        }
    }

    /// <param name="isExit">This node is to be an exit.</param>
    public static IEnumerable<Finding> Network(bool isExit)
    {
        yield return Machine.MayConfigureNetworks
            ? Good("capabilities", "CAP_NET_ADMIN is there.")
            : Warn("capabilities", "CAP_NET_ADMIN is missing, and the settings ask for what needs it.",
                "Run macrovpnd as root or with CAP_NET_ADMIN, or set client.tunnel = \"none\" and exit.mode = \"user\".");
        foreach (var (program, package) in new[] { ("ip", "iproute2"), ("nft", "nftables") })
            yield return Machine.HasProgram(program)
                ? Good(program, "is installed.")
                : Warn(program, "is not installed; the node needs it for routes and rules.", $"Install the package {package}.");
        if (isExit)
            yield return Machine.ForwardsV4 && Machine.ForwardsV6
                ? Good("forwarding", "the kernel forwards IPv4 and IPv6.")
                : Warn("forwarding", $"the kernel does not forward {(Machine.ForwardsV4 ? "IPv6" : "IPv4")}.", "Switch the exit off and on again, and look who else sets net.ipv4.ip_forward.");
    }

    public static IEnumerable<Finding> Exit(ExitDevice exit)
    {
        yield return exit.Remembered is null
            ? Good("exit-connections", "the kernel forgets the connections of clients that left.")
            : Warn("exit-connections", $"{exit.Remembered} What servers still send to a client that left may reach a later one.",
                "Load the module nf_conntrack_netlink, or set exit.mode = \"user\".");
    }

    /// <summary>For a node that neither has nor wants an administrator's rights.</summary>
    /// <param name="isExit">This node is to be an exit.</param>
    public static IEnumerable<Finding> Rootless(bool isExit)
    {
        yield return Good("rootless", isExit
            ? "no rights are needed: applications use the proxy, and what exits here leaves by ordinary sockets."
            : "no rights are needed: applications use the proxy.");
    }

    public static Finding KeyStore(SealingMethod method) => method switch
    {
        SealingMethod.Passphrase => Good("key-store", "sealed under a passphrase."),
        SealingMethod.SystemdCredential => Good("key-store", "sealed under a systemd credential."),
        SealingMethod.KeyFile => Warn("key-store", "sealed under a key file that lies beside it: who copies the folder has the keys.",
            "Use keys.passphrase_file, or a systemd credential (LoadCredentialEncrypted=macrovpn.key)."),
    };

    static Finding Good(string name, string message) => new() { Name = name, Ok = true, Message = message };

    static Finding Warn(string name, string message, string remedy) => new() { Name = name, Ok = false, Message = message, Remedy = remedy };
}
