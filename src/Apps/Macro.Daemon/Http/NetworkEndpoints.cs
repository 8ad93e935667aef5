using Macro.Api;
using Macro.Daemon.Hosting;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;

namespace Macro.Daemon.Http;

/// <summary>The operations on the directory of relays.</summary>
static class NetworkEndpoints
{
    public static void Map(WebApplication app)
    {
        app.MapGet(ApiPaths.Network, Show);
        app.MapGet(ApiPaths.NetworkExport, (NetworkDirectory directory, OwnDescriptor own) => new DirectoryText { Text = directory.Export(own.TrySign()) });
        app.MapPost(ApiPaths.NetworkImport, (DirectoryText file, NetworkDirectory directory) => directory.Import(file.Text));
    }

    static NetworkAnswer Show(NetworkDirectory directory, KeyRing keys, NodeSettings settings) => new()
    {
        Name = settings.Network.Name,
        Static = settings.Network.Static,
        Relays =
        [
            .. directory.Current().Select(signed => new RelayEntry
            {
                NodeId = signed.Id.ToString(),
                Region = signed.Descriptor.Region,
                Relay = signed.Descriptor.IsRelay,
                Exit = signed.Descriptor.IsExit,
                Endpoints = [.. signed.Descriptor.Endpoints.Select(e => e.ToString())],
                Self = signed.Id == keys.Identity.Id,
            }),
        ],
    };
}
