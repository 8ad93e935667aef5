using Macro.Core;

namespace Macro.UserMode;

/// <summary>A name that a UDP association sends to: the address that was found, or the first datagram, which waits for it.</summary>
sealed class AssociatedName : INameWaiter
{
    /// <summary>A flow stays with one address for that long; then the resolver, and its cache, are asked again.</summary>
    static readonly TimeSpan s_life = TimeSpan.FromMinutes(2);

    readonly UdpAssociation _association;
    readonly string _name;
    readonly ushort _port;
    readonly byte[] _waiting;
    IpAddress _address;
    Instant _until = Instant.Never;
    bool _found;

    internal AssociatedName(UdpAssociation association, string name, ushort port, ReadOnlySpan<byte> payload) =>
        (_association, _name, _port, _waiting) = (association, name, port, payload.ToArray());

    /// <summary>Sends, or drops while the name is being asked for. False: the address is too old, ask again.</summary>
    internal bool TrySend(ushort port, ReadOnlySpan<byte> payload, Instant now)
    {
        if (now >= _until)
            return false;
        if (_found)
            _association.SendNow(new Endpoint(_address, port), payload);
        return true;
    }

    public void HandleName(NameVerdict verdict, ReadOnlySpan<IpAddress> addresses)
    {
        if (verdict != NameVerdict.Found || addresses.IsEmpty)
        {
            _association.Forget(_name);
            return;
        }
        (_address, _found) = (addresses[0], true);
        _until = _association.Now + s_life;
        _association.SendNow(new Endpoint(_address, _port), _waiting);
    }
}
