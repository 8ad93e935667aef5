using Macro.Core;

namespace Macro.Circuits;

/// <summary>What an exit session has outside: its own addresses in the exit's pool.</summary>
public sealed record ExitLease(Inbound Inbound, IpAddress V4, IpAddress V6)
{
    volatile bool _wasUsed;

    /// <summary>A packet has left from its addresses: something may still be on its way to them. Any thread.</summary>
    public bool WasUsed
    {
        get => _wasUsed;
        internal set
        {
            // Written once: pumps share what they only read.
            if (_wasUsed != value)
                _wasUsed = value;
        }
    }
}

/// <summary>
/// The leases of an exit: one pair of pool addresses per session. Renting and returning belong to the owner's thread;
/// <see cref="TryFind"/> may be called by any thread.
/// </summary>
public sealed class ExitLeases(AddressPool<ExitLease> pool)
{
    /// <summary>With the default prefixes.</summary>
    public ExitLeases() : this(new AddressPool<ExitLease>())
    {
    }

    public int Count => pool.Count;

    /// <summary>Half of the pool is out: strangers get none.</summary>
    public bool IsScarce => pool.Count > pool.Capacity / 2;

    /// <summary>Hears of every lease that is given back, before anybody else can have its addresses. On the owner's thread.</summary>
    public Action<ExitLease>? Returned { get; set; }

    /// <summary>Null when none is left.</summary>
    public ExitLease? TryRent(Inbound inbound, Instant now) =>
        pool.TryTake(pair => new ExitLease(inbound, pair.V4, pair.V6), now, out var lease) ? lease : null;

    public void Return(ExitLease lease, Instant now)
    {
        if (pool.Return(new AddressPair(lease.V4, lease.V6), lease.WasUsed, now))
            Returned?.Invoke(lease);
    }

    /// <summary>The lease that owns a pool address.</summary>
    public bool TryFind(IpAddress address, out ExitLease? lease)
    {
        lease = pool.Find(address);
        return lease is not null;
    }
}
