using System.Globalization;

namespace Macro.Linux;

/// <summary>What this process may do on this machine.</summary>
public static class Machine
{
    const int NetAdmin = 12;

    /// <summary>CAP_NET_ADMIN: TUN devices, routes, firewall, marks.</summary>
    public static bool MayConfigureNetworks => HasCapability(NetAdmin);

    /// <summary>The kernel makes TUN devices here; whether for this process, <see cref="MayConfigureNetworks"/> says.</summary>
    public static bool HasTun => File.Exists("/dev/net/tun");

    /// <summary>The kernel speaks IPv6.</summary>
    public static bool HasV6 => Directory.Exists("/proc/sys/net/ipv6");

    public static bool ForwardsV4 => Sysctl.Read("net.ipv4.ip_forward") == "1";

    public static bool ForwardsV6 => Sysctl.Read("net.ipv6.conf.all.forwarding") == "1";

    /// <summary>The program is in one of the folders of $PATH.</summary>
    public static bool HasProgram(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => folder.Length > 0 && File.Exists(Path.Combine(folder, name)));

    static bool HasCapability(int number)
    {
        const string field = "CapEff:";
        var line = File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(field, StringComparison.Ordinal));
        return line is not null && (ulong.Parse(line.AsSpan(field.Length).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> number & 1) != 0;
    }
}
