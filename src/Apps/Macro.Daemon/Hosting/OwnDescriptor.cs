using System.Buffers.Binary;
using System.Text;
using Macro.Api;
using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.Daemon.Settings;
using Macro.Daemon.Storage;
using Macro.Peers;

namespace Macro.Daemon.Hosting;

/// <summary>What this node says about itself as a relay, made from settings, keys and desired state, and signed anew for every use.</summary>
public sealed class OwnDescriptor(NodeSettings settings, KeyRing keys, NetworkDirectory directory, DesiredStateFile desired, WallClock clock)
{
    volatile IReadOnlyList<NodeId> _introducers = [];
    volatile IReadOnlyList<Endpoint> _proven = [];
    volatile bool _takesTcp;

    /// <summary>Relays that this node is reached through, when it has no endpoint to announce. Any thread.</summary>
    public IReadOnlyList<NodeId> Introducers { get => _introducers; set => _introducers = value; }

    /// <summary>Endpoints at which strangers were found to get through, though the settings name none. Any thread.</summary>
    public IReadOnlyList<Endpoint> Proven { get => _proven; set => _proven = value; }

    /// <summary>What is announced: what the settings name, else what is proven.</summary>
    public IReadOnlyList<Endpoint> Endpoints =>
        settings.Relay.Endpoints.Count > 0 ? settings.Relay.Endpoints : Proven is var proven ? [.. Most(proven, v4: true), .. Most(proven, v4: false)] : [];

    /// <summary>It is reached over TCP port 443 besides. Any thread.</summary>
    public bool TakesTcp { get => _takesTcp; set => _takesTcp = value; }

    /// <summary>Null when this node is no relay.</summary>
    /// <exception cref="NodeException">It is one, but no endpoint is known to announce.</exception>
    public SignedDescriptor? TrySign()
    {
        if (!desired.Current.Relay)
            return null;
        if (Endpoints.Count == 0 && Introducers.Count == 0)
            throw new NodeException(
                ProblemCodes.WrongState, "This relay has no endpoint to announce, and is registered with no relay that others could reach it through.",
                "Set relay.endpoints in the settings, as in [\"192.0.2.1:51900\"]; behind a NAT, import a directory file with public relays.");
        return Sign(Content(desired.Current.Exit));
    }

    /// <summary>For a single stranger, who is to try this endpoint: see <see cref="Engine.SelfTest"/>.</summary>
    public SignedDescriptor SignFor(Endpoint endpoint) => Sign(Content(isExit: false) with { Endpoints = [endpoint], Introducers = [] });

    SignedDescriptor Sign(Descriptor content)
    {
        var now = Instant.FromUnixSeconds(clock.Now.UnixSeconds);
        var epoch = Epoch.At(now);
        return SignedDescriptor.Sign(keys.Identity, directory.Rules.Network, content with
        {
            Epoch = epoch,
            NotBefore = now,
            ProofOfWork = ProofOfWork.Solve(keys.Identity.Id, epoch, directory.Rules.WorkBits),
        }, now);
    }

    /// <summary>What there is to say, but for times and work. Without endpoints nobody can be told of this relay.</summary>
    public Descriptor Content(bool isExit)
    {
        var (current, next, _) = keys.PublicRelayKeys;
        var endpoints = Endpoints;
        return new Descriptor
        {
            Epoch = 0,
            NotBefore = Instant.UnixEpoch,
            Validity = directory.Rules.MaxValidity,
            Static = directory.Rules.Static,
            RelayKey = current,
            NextRelayKey = next,
            Capabilities = Capabilities.Relay | Capabilities.EarlyData | (isExit ? Capabilities.Exit | Capabilities.ExitV4 | Capabilities.ExitV6 : Capabilities.None)
                | (TakesTcp && settings.Relay.Endpoints.Count > 0 ? Capabilities.Tcp443 : Capabilities.None),
            Policy = !isExit ? PolicyClass.None : settings.Exit.IsOpen ? PolicyClass.Open : PolicyClass.Custom,
            Region = settings.Relay.Region,
            Asn = settings.Relay.Asn,
            Mtu = settings.Relay.Mtu,
            BandwidthClass = settings.Relay.BandwidthLimit == 0 ? (byte)255 : (byte)Math.Min(15, Math.ILogB(settings.Relay.BandwidthLimit)),
            Family = FamilyHash(settings.Relay.Family),
            Endpoints = endpoints,
            Introducers = endpoints.Count == 0 ? Introducers : [],
        };
    }

    static IEnumerable<Endpoint> Most(IReadOnlyList<Endpoint> endpoints, bool v4) =>
        endpoints.Where(endpoint => endpoint.Address.IsV4 == v4).Take(Descriptor.MaxEndpoints);

    static ulong FamilyHash(string? family)
    {
        if (family is null)
            return 0;
        Span<byte> hash = stackalloc byte[Blake2s.HashSize];
        Blake2s.Hash(hash, "macro family 1"u8, Encoding.UTF8.GetBytes(family));
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }
}
