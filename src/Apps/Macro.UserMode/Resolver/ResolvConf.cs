using Macro.Core;

namespace Macro.UserMode;

/// <summary>The name servers of the system (resolv.conf(5)).</summary>
public static class ResolvConf
{
    public const string DefaultPath = "/etc/resolv.conf";

    const int MostServers = 8;
    const ushort Port = 53;

    /// <summary>The servers in the text of the file, in their order. Addresses with a scope ("fe80::1%eth0") are left out.</summary>
    public static IReadOnlyList<Endpoint> Parse(string text)
    {
        var servers = new List<Endpoint>();
        foreach (var line in text.AsSpan().EnumerateLines())
        {
            var words = line.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words is ["nameserver", var address, ..] && IpAddress.TryParse(address, out var server) && servers.Count < MostServers)
                servers.Add(new Endpoint(server, Port));
        }
        return servers;
    }

    /// <summary>The servers of this machine; without any, the one that resolv.conf(5) says is asked then: this machine's own.</summary>
    public static IReadOnlyList<Endpoint> Read(string path = DefaultPath)
    {
        IReadOnlyList<Endpoint> servers = File.Exists(path) ? Parse(File.ReadAllText(path)) : [];
        return servers.Count > 0 ? servers : [new Endpoint(IpAddress.V4Loopback, Port)];
    }
}
