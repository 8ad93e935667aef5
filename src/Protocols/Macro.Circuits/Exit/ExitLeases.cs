using Macro.Core;

namespace Macro.Circuits;

/// <summary>
/// The leases of an exit: one pair of pool addresses per session. Renting and returning belong to the owner's thread,
/// which tells the time by <see cref="Advance"/> before; <see cref="TryFind"/> may be called by any thread.
/// </summary>
public sealed class ExitLeases(AddressPool<ExitLease> pool) : IExitLeases
{
    Instant _now;

    /// <summary>With the default prefixes.</summary>
    public ExitLeases() : this(new AddressPool<ExitLease>())
    {
    }

    public int Count => pool.Count;

    /// <summary>The time from which renting and returning count; call it at the start of each turn of the owner.</summary>
    public void Advance(Instant now) => _now = Instant.Max(_now, now);

    public ExitLease? TryRent(Inbound inbound) =>
        pool.TryTake(pair => new ExitLease(inbound, pair.V4, pair.V6), _now, out var lease) ? lease : null;

    public void Return(ExitLease lease) => pool.Return(new AddressPair(lease.V4, lease.V6), _now);

    public bool TryFind(IpAddress address, out ExitLease? lease)
    {
        lease = pool.Find(address);
        return lease is not null;
    }
}
