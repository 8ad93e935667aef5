using Macro.Circuits;
using Macro.Core;

namespace Macro.UserMode;

/// <summary>
/// A name that a UDP association sends to: the circuit that leads there and the address that was found at its exit, or the first
/// datagram, which waits for both.
/// </summary>
sealed class AssociatedName : ICircuitWaiter, INameWaiter
{
    /// <summary>A flow stays with one address for that long; then the resolver, and its cache, are asked again.</summary>
    static readonly TimeSpan s_life = TimeSpan.FromMinutes(2);

    readonly UdpAssociation _association;
    readonly IsolationKey _key;
    readonly string _name;
    readonly ushort _firstPort;
    readonly byte[] _waiting;
    AssociatedPort? _port;
    IpAddress _address;
    Instant _until = Instant.Never;
    bool _found;

    internal AssociatedName(UdpAssociation association, IsolationKey key, string name, ushort port, ReadOnlySpan<byte> payload) =>
        (_association, _key, _name, _firstPort, _waiting) = (association, key, name, port, payload.ToArray());

    internal void Start() => _association.Server.Circuits.Open(_key, this);

    /// <summary>Sends, or drops while the name is being asked for. False: the circuit is gone or the address too old, ask again.</summary>
    internal bool TrySend(ushort port, ReadOnlySpan<byte> payload, Instant now)
    {
        if (now >= _until || _port is { Stack.IsClosed: true })
            return false;
        if (_found)
            _association.Send(_port!, new Endpoint(_address, port), payload);
        return true;
    }

    void ICircuitWaiter.HandleCircuit(HostedStack? stack, CircuitRefusal refusal)
    {
        _port = stack is { IsClosed: false } ? _association.PortIn(stack) : null;
        if (_port is null)
            _association.Forget(_name, this);
        else
            _association.Server.Names.Resolve(stack!, _key, _name, this);
    }

    public void HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses)
    {
        if (verdict != NameVerdict.Found || addresses.IsEmpty)
        {
            _association.Forget(_name, this);
            return;
        }
        (_address, _found) = (addresses[0], true);
        _until = _association.Now + s_life;
        _association.Send(_port!, new Endpoint(_address, _firstPort), _waiting);
    }
}
