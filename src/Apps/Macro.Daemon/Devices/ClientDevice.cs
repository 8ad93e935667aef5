using Macro.Circuits;
using Macro.Core;
using Macro.Daemon.Settings;
using Macro.Linux;

namespace Macro.Daemon.Devices;

/// <summary>
/// The client's end of its circuits: a TUN device with the addresses that every client has, the routes that lead into it,
/// and the kill switch when it is wanted. Disposing takes all of it back.
/// </summary>
sealed class ClientDevice : IDisposable
{
    const ushort DnsPort = 53;

    readonly List<IDisposable> _undo = [];

    ClientDevice(TunDevice tun)
    {
        Tun = tun;
        _undo.Add(tun);
    }

    public TunDevice Tun { get; }

    /// <summary>Where the client's resolver answers on the device's own addresses.</summary>
    public static IEnumerable<Endpoint> Resolvers()
    {
        yield return new Endpoint(AddressPair.Inner.V4, DnsPort);
        if (Machine.HasV6)
            yield return new Endpoint(AddressPair.Inner.V6, DnsPort);
    }

    /// <param name="mark">Firewall mark of the node's own socket, whose datagrams go outside.</param>
    /// <param name="exitDevice">Name of this node's exit device, which the kill switch leaves alone; null when it is none.</param>
    /// <exception cref="LinuxException">A step failed; what was done before is taken back.</exception>
    public static ClientDevice Open(ClientSection settings, uint mark, string? exitDevice)
    {
        var device = new ClientDevice(TunDevice.Create(settings.Device, new TunOptions { Mtu = CircuitMtu.Inner }));
        try
        {
            device.Configure(settings, mark, exitDevice);
            return device;
        }
        catch
        {
            device.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        // The way back: what was installed last goes first.
        for (var i = _undo.Count - 1; i >= 0; i--)
            _undo[i].Dispose();
        _undo.Clear();
    }

    void Configure(ClientSection settings, uint mark, string? exitDevice)
    {
        var network = new NetworkConfig(Tun.Name);
        network.AddAddress(AddressPair.Inner.V4, 32);
        if (Machine.HasV6)
            network.AddAddress(AddressPair.Inner.V6, 128);
        _undo.Add(InboundGuard.Install(Tun.Name));
        network.Up();
        // First the guard, then the routes: at no moment does a packet that should be inside go outside.
        if (settings.KillSwitch)
            _undo.Add(KillSwitch.Install(Tun.Name, mark, settings.AllowLan, exitDevice is null ? [] : [exitDevice]));
        if (settings.Routes.Everything && settings.Dns is not null)
            _undo.Add(DnsRedirect.Install(Tun.Name, [.. Resolvers()], mark, ExitResolver.Address.V4, ExitResolver.Address.V6));
        if (settings.Routes.Everything)
            _undo.Add(Linux.ClientRoutes.Install(Tun.Name, new ClientRouteOptions { Mark = mark }));
        else if (settings.Routes.Prefixes.Count > 0)
            _undo.Add(Linux.ClientRoutes.Install(Tun.Name, new ClientRouteOptions { Mark = mark, Prefixes = settings.Routes.Prefixes }));
    }
}
