using Macro.Core;
using Macro.Nat.Stun;

namespace Macro.Nat.Classification;

/// <summary>
/// Makes a <see cref="NatClass"/> of what any number of others say about one socket in one address family: where they see it
/// (STUN, pongs, the "ip" of KRPC, Hello), and which of their datagrams reach it.
/// </summary>
public sealed class NatClassifier(VoteRules rules)
{
    static readonly Prefix s_carrier = Prefix.Parse("100.64.0.0/10");

    readonly EndpointVotes _votes = new(rules);
    IReadOnlyCollection<Endpoint> _own = [];
    IpAddress? _gatewayOutside;
    (PortAssignment Assignment, int Step) _pattern;
    FilteringBehaviour _filtering;
    bool? _hairpin;
    bool _blocked;

    public MappingLifetime Lifetime { get; } = new();

    public NatClass Class { get; private set; } = new();

    /// <summary>Our endpoint as the last of the majority saw it; none while there is none.</summary>
    public Endpoint Newest => _votes.Believed.LastOrDefault().Seen;

    /// <summary>Counts changes of <see cref="Class"/>.</summary>
    public int Changes { get; private set; }

    /// <summary>Our own endpoints; a change means another network, and all that was known is forgotten.</summary>
    public void SetOwn(IReadOnlyCollection<Endpoint> own)
    {
        if (_own.Count == own.Count && own.All(_own.Contains))
            return;
        _own = own;
        Forget();
    }

    public void Forget()
    {
        _votes.Clear();
        Lifetime.Clear();
        (_pattern, _filtering, _hairpin, _blocked, _gatewayOutside) = (default, default, null, false, null);
        Classify();
    }

    public void Observe(Observation observation)
    {
        var before = _votes.Address;
        _votes.Add(observation);
        _blocked = false;
        if (before is not null && _votes.Address != before)
            (_pattern, _filtering, _hairpin) = (default, default, null);
        Classify();
    }

    /// <summary>Nobody of many answered: datagrams do not pass.</summary>
    public void ObserveSilence()
    {
        _blocked = true;
        Classify();
    }

    /// <summary>A server was asked to answer from an endpoint that we had not sent to, and it came or not. One that came proves; none proves little.</summary>
    /// <param name="changed">What was different from the endpoint that we had sent to.</param>
    public void ObserveFiltering(ChangeRequest changed, bool arrived)
    {
        var proven = (changed, arrived) switch
        {
            (ChangeRequest.Both or ChangeRequest.Address, true) => FilteringBehaviour.EndpointIndependent,
            (ChangeRequest.Port, true) => FilteringBehaviour.AddressDependent,
            (ChangeRequest.Port, false) => FilteringBehaviour.AddressAndPortDependent,
            _ => FilteringBehaviour.Unknown,
        };
        if (proven != FilteringBehaviour.Unknown && (_filtering == FilteringBehaviour.Unknown || proven < _filtering))
            _filtering = proven;
        Classify();
    }

    public void ObserveHairpin(bool works)
    {
        _hairpin = works || _hairpin == true;
        Classify();
    }

    public void ObserveLifetime(TimeSpan silence, bool alive)
    {
        Lifetime.Record(silence, alive);
        Classify();
    }

    /// <summary>What our gateway says is its own outside address: another one than others see lies behind a second NAT.</summary>
    public void ObserveGateway(IpAddress outside)
    {
        _gatewayOutside = outside;
        Classify();
    }

    void Classify()
    {
        var mapping = MappingAnalysis.Of([.. _votes.Believed], _own);
        // How the NAT counts stays known when what showed it is out of date.
        if (mapping.Behaviour is MappingBehaviour.AddressDependent or MappingBehaviour.AddressAndPortDependent)
        {
            _pattern = mapping.Assignment == PortAssignment.Unknown ? _pattern : (mapping.Assignment, mapping.Step);
            mapping = mapping with { Assignment = _pattern.Assignment, Step = _pattern.Step };
        }
        var next = new NatClass
        {
            Kind = KindOf(mapping),
            Outside = _votes.Address is { } address ? new Endpoint(address, mapping.Port) : default,
            Mapping = mapping.Behaviour,
            Filtering = _filtering,
            Assignment = mapping.Assignment,
            PortStep = mapping.Step,
            Hairpin = _hairpin,
            IsCarrierGrade = IsCarrierGrade(),
            LivesAtLeast = Lifetime.Survived,
            LivesAtMost = Lifetime.Lost,
            Liars = _votes.Against + mapping.Against,
        };
        if (next == Class)
            return;
        Class = next;
        Changes++;
    }

    /// <summary>Where filtering is not known, the strictest that is common is assumed: who expects less is not disappointed.</summary>
    NatKind KindOf(MappingAnalysis mapping) => (mapping.Behaviour, _filtering) switch
    {
        (MappingBehaviour.Unknown, _) => _blocked && _votes.Address is null ? NatKind.UdpBlocked : NatKind.Unknown,
        (MappingBehaviour.NotTranslated, FilteringBehaviour.EndpointIndependent) => NatKind.Public,
        (MappingBehaviour.NotTranslated, _) => NatKind.Firewall,
        (MappingBehaviour.EndpointIndependent, FilteringBehaviour.EndpointIndependent) => NatKind.FullCone,
        (MappingBehaviour.EndpointIndependent, FilteringBehaviour.AddressDependent) => NatKind.AddressRestricted,
        (MappingBehaviour.EndpointIndependent, _) => NatKind.PortRestricted,
        _ => mapping.Assignment == PortAssignment.Sequential ? NatKind.SequentialSymmetric : NatKind.RandomSymmetric,
    };

    bool IsCarrierGrade() => _own.Any(endpoint => s_carrier.Contains(endpoint.Address)) || _gatewayOutside is { } gateway
        && (s_carrier.Contains(gateway) || _votes.Address is { } seen && gateway != seen && !AddressScope.IsPublic(gateway));
}
