using Macro.Circuits;
using Macro.Core;
using Macro.Crypto;
using Macro.WireGuard;

namespace Macro.Engine;

/// <summary>What became of a <see cref="SelfTest"/>.</summary>
/// <param name="From">The stranger that knocked.</param>
/// <param name="Arrived">Null: the way to the stranger broke, which says nothing about the endpoint.</param>
public readonly record struct SelfTestResult(Endpoint Endpoint, IpAddress From, bool? Arrived);

/// <summary>
/// Shows whether strangers get through to an endpoint of this node: a circuit by way of any relay to one that this node has
/// not sent to, and from there, as its third hop, back to this node at that endpoint. To both relays it is a circuit like any
/// other. One at a time; a state machine of one owner thread.
/// </summary>
public sealed class SelfTest(IndexTable indices, Outbox outbox, IRandom random, Contacts contacts)
{
    Circuit? _circuit;
    Endpoint _endpoint;
    IpAddress _from;

    public bool IsRunning => _circuit is not null;

    public Instant NextTimeout => _circuit?.NextTimeout ?? Instant.Never;

    /// <summary>Whether there is a stranger to knock at an endpoint, and another relay that leads to it.</summary>
    public bool IsPossible(Endpoint endpoint, IReadOnlyList<Candidate> relays, Instant now) =>
        !endpoint.IsNone && !IsRunning && Strangers(endpoint, relays, now).Any() && relays.Count(relay => !relay.Target.Endpoint.IsNone) >= 2;

    /// <param name="self">This node as the stranger is to be shown it: its descriptor names the endpoint and no other.</param>
    /// <param name="relays">All that are known.</param>
    /// <param name="provenAt">When somebody last came through from there: who did so long ago, or never, is asked first.</param>
    /// <returns>False when nobody can be asked now.</returns>
    public bool TryBegin(HopTarget self, IReadOnlyList<Candidate> relays, Func<IpAddress, Instant> provenAt, Instant now)
    {
        ArgumentNullException.ThrowIfNull(self);
        ArgumentNullException.ThrowIfNull(relays);
        if (IsRunning)
            return false;
        var strangers = Strangers(self.Endpoint, relays, now).ToArray();
        random.Shuffle(strangers.AsSpan());
        var knocks = strangers.MinBy(stranger => provenAt(stranger.From));
        // Whom we have sent to stays no stranger for a while: nobody shall be spent on leading the way who need not be.
        var leads = relays.Where(relay => !relay.Target.Endpoint.IsNone && relay.Id != knocks.Relay?.Id).ToArray();
        random.Shuffle(leads.AsSpan());
        if (knocks.Relay is null || leads.OrderBy(relay => contacts.IsStranger(relay.Target.Endpoint.Address, now)).FirstOrDefault() is not { } lead)
            return false;
        (_endpoint, _from) = (self.Endpoint, knocks.From);
        _circuit = new Circuit([lead.Target, knocks.Relay.Target, self], indices, outbox, random, now) { Goal = CircuitGoal.Directory };
        _circuit.Start(now);
        return true;
    }

    public void HandleTimeout(Instant now) => _circuit?.HandleTimeout(now);

    /// <summary>The test has ended.</summary>
    public bool TryTakeResult(Instant now, out SelfTestResult result)
    {
        result = default;
        if (_circuit is not { State: not CircuitState.Building } ended)
            return false;
        result = new SelfTestResult(_endpoint, _from, ended switch
        {
            { State: CircuitState.Ready } => true,
            { Failure: { HopIndex: 2, Kind: CircuitFailureKind.Silent, IsHearsay: false } } => false,
            _ => null,
        });
        ended.Close(now);
        _circuit = null;
        return true;
    }

    /// <summary>Public relays that speak the endpoint's family and to no address of which anything has been sent.</summary>
    IEnumerable<(Candidate Relay, IpAddress From)> Strangers(Endpoint endpoint, IReadOnlyList<Candidate> relays, Instant now) =>
        from relay in relays
        where relay.IsPublic && relay.Endpoints.All(e => contacts.IsStranger(e.Address, now))
        let own = relay.Endpoints.FirstOrDefault(e => e.Address.IsV4 == endpoint.Address.IsV4)
        where !own.IsNone
        select (relay, own.Address);
}
