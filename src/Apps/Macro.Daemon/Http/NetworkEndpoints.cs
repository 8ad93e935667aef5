using Macro.Api;
using Macro.Daemon.Hosting;
using Macro.Daemon.Storage;
using Macro.Peers;

namespace Macro.Daemon.Http;

/// <summary>The operations on the directory of relays.</summary>
static class NetworkEndpoints
{
    public static void Map(WebApplication app)
    {
        app.MapGet(ApiPaths.Network, Show);
        app.MapGet(ApiPaths.Peers, async (INodeControl node, CancellationToken cancel) => new PeersAnswer { Peers = await node.PeersAsync(cancel) });
        app.MapGet(ApiPaths.NetworkStatus, (INodeControl node, CancellationToken cancel) => node.NetworkStatusAsync(cancel));
        app.MapPost(ApiPaths.NetworkCreate, (CreateNetworkRequest request, CurrentNetwork network, INodeControl node, CancellationToken cancel) =>
            EnterAsync(() => network.Create(request.Name), node, cancel));
        app.MapPost(ApiPaths.NetworkJoin, (JoinRequest request, CurrentNetwork network, INodeControl node, CancellationToken cancel) =>
            EnterAsync(() => network.Join(request.Link), node, cancel));
        app.MapPost(ApiPaths.NetworkLeave, (CurrentNetwork network, INodeControl node, CancellationToken cancel) =>
            EnterAsync(network.Leave, node, cancel));
        app.MapPost(ApiPaths.Invite, InviteAsync);
        app.MapGet(ApiPaths.NetworkExport, (NetworkDirectory directory, OwnDescriptor own) => new DirectoryText { Text = directory.Export(own.TrySign()) });
        app.MapPost(ApiPaths.NetworkImport, (DirectoryText file, NetworkDirectory directory) => directory.Import(file.Text));
    }

    static async Task<JoinAnswer> EnterAsync(Func<NetworkMembership> enter, INodeControl node, CancellationToken cancel)
    {
        var membership = enter();
        await node.EnterNetworkAsync(cancel);
        return new JoinAnswer { Network = membership.Name };
    }

    static async Task<InviteAnswer> InviteAsync(CurrentNetwork network, INodeControl node, CancellationToken cancel)
    {
        var membership = network.Current;
        if (membership.IsStatic)
            throw new NodeException(
                ProblemCodes.WrongState, "This node is in a network without discovery, to which nobody can be invited.",
                "Make one with 'macrovpn network create NAME', or hand out a directory file: macrovpn network export.");
        var seeds = await node.SeedsAsync(cancel);
        if (seeds.Count == 0)
            throw new NodeException(
                ProblemCodes.WrongState, "No relay of this network is known yet, and an invite must name one.",
                "Make this node a relay (macrovpn relay on, with relay.endpoints in the settings), or connect first.");
        return new InviteAnswer
        {
            Network = membership.Name,
            Link = new InviteLink(membership.Rules.Network, membership.Name, seeds).ToText(),
            Relays = seeds.Count,
        };
    }

    static NetworkAnswer Show(NetworkDirectory directory, KeyRing keys, CurrentNetwork network) => new()
    {
        Name = network.Current.Name,
        Static = network.Current.IsStatic,
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
