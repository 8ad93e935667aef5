using System.Net;
using System.Net.Sockets;
using System.Text;
using Macro.Core;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Engine;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>What discovery begins with, from settings, disk and package.</summary>
sealed partial class NetworkEntrance(NodeSettings settings, KeyRing keys, RelayCache cache, CurrentNetwork network, WallClock clock, ILogger<NetworkEntrance> log)
{
    const string PackagedSeeds = "seeds", DebianGeoIp = "/usr/share/tor/geoip";

    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(3);

    /// <summary>Who issues seed lists. Whoever packages this program puts the keys of those people here.</summary>
    static readonly SeedSigners s_signers = new([], 1);

    /// <summary>Names of DHT routers that have to be looked up.</summary>
    IEnumerable<string> Names => settings.Network.Bootstrap.Where(router => !Endpoint.TryParse(router, out _));

    /// <param name="own">Endpoints of this node.</param>
    public DiscoveryOptions Options(bool hasV6, IReadOnlySet<Endpoint> own)
    {
        var (membership, now) = (network.Current, clock.Now);
        return new DiscoveryOptions
        {
            Rules = membership.Rules,
            Identity = keys.Identity,
            PresharedKey = membership.Rules.Network.PresharedKey(),
            HasV6 = hasV6,
            UsesDht = settings.Network.Dht,
            IsLocal = settings.Network.Local,
            DhtRouters = [.. settings.Network.Bootstrap.Select(router => Endpoint.TryParse(router, out var at) ? at : default).Where(at => !at.IsNone && !own.Contains(at))],
            SavedDht = cache.LoadDht(),
            Cached = cache.Load(membership.Rules, now),
            Invited = membership.Seeds,
            Seeds = PackagedRelays(membership, now),
            Countries = settings.Network.Local ? null : Countries(),
        };
    }

    /// <summary>The routers that the settings name and the machine's resolver knows. Empty when it does not answer.</summary>
    public async Task<IReadOnlyList<Endpoint>> ResolveRoutersAsync(bool hasV6, CancellationToken cancel)
    {
        var found = await Task.WhenAll(Names.Select(name => ResolveAsync(name, hasV6, cancel)));
        return [.. found.SelectMany(endpoints => endpoints)];
    }

    static async Task<IEnumerable<Endpoint>> ResolveAsync(string router, bool hasV6, CancellationToken cancel)
    {
        var colon = router.LastIndexOf(':');
        try
        {
            var addresses = await Dns.GetHostAddressesAsync(router[..colon], cancel).WaitAsync(s_patience, cancel);
            return from address in addresses
                   where address.AddressFamily == AddressFamily.InterNetwork || hasV6
                   let at = Endpoint.Parse(new IPEndPoint(address, 0).ToString())
                   select new Endpoint(at.Address, ushort.Parse(router[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        }
        catch (Exception e) when (e is SocketException or TimeoutException)
        {
            return [];
        }
    }

    IReadOnlyList<Seed> PackagedRelays(NetworkMembership membership, Instant now)
    {
        var path = settings.Network.SeedList ?? Path.Combine(AppContext.BaseDirectory, PackagedSeeds);
        if (!File.Exists(path))
            return [];
        var verdict = SeedList.TryRead(File.ReadAllBytes(path), membership.Rules.Network, s_signers, now, out var list);
        if (verdict is not (SeedListVerdict.Valid or SeedListVerdict.OtherNetwork))
            LogSeeds(path, verdict.ToString());
        return list?.Seeds ?? [];
    }

    GeoTable? Countries()
    {
        var path = settings.Network.GeoIp ?? DebianGeoIp;
        if (!File.Exists(path))
            return null;
        try
        {
            var second = path + "6";
            var table = GeoTable.TryParse(File.ReadLines(path, Encoding.ASCII), File.Exists(second) ? File.ReadLines(second, Encoding.ASCII) : [], out var badLine);
            if (table is null)
                LogGeoIp(path, badLine);
            return table;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogGeoIp(path, 0);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "the seed list {path} is not used: {why}")]
    partial void LogSeeds(string path, string why);

    [LoggerMessage(Level = LogLevel.Warning, Message = "the table of countries {path} is not used: line {line} is not understood")]
    partial void LogGeoIp(string path, int line);
}
