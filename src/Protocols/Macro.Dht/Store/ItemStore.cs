using System.Diagnostics.CodeAnalysis;
using Macro.Core;
using Macro.Crypto;

namespace Macro.Dht;

/// <summary>
/// Items of others (BEP 44), for two hours since the last put. One network of sources has at most a share; when the store
/// is full, the item farthest from us goes, of equally far ones the oldest. Beside them our own items, each under the targets
/// that its owner wants: those answer before anything that others put there.
/// </summary>
sealed class ItemStore(DhtOptions options)
{
    public const int MostOfSite = 64, MostServed = 64;

    /// <summary>Signatures checked in a second, and twice as many at once: what thousands of sources together can cost us.</summary>
    public const int MostVerified = 200;

    static readonly TimeSpan s_life = TimeSpan.FromHours(2);

    readonly Dictionary<Id160, Item> _items = [], _served = new(0);
    Instant _nextSweep = new(0);
    Meter _verified;

    public int Count => _items.Count;

    /// <exception cref="InvalidOperationException">Too many targets.</exception>
    public void Serve(Id160 target, MutableItem item)
    {
        if (_served.Count >= MostServed && !_served.ContainsKey(target))
            throw new InvalidOperationException("Too many targets are served.");
        _served[target] = new Item(item.Value, item, default);
    }

    public void StopServing(Id160 target) => _served.Remove(target);

    /// <summary>What a get is answered with.</summary>
    public bool TryGet(Id160 target, Instant now, [NotNullWhen(true)] out Item? item) =>
        _served.TryGetValue(target, out item) || TryGetStored(target, now, out item);

    bool TryGetStored(Id160 target, Instant now, [NotNullWhen(true)] out Item? item)
    {
        if (_items.TryGetValue(target, out item) && item.Expires > now)
            return true;
        item = null;
        return false;
    }

    /// <param name="source">Who puts; its address has been proven by a token.</param>
    /// <param name="value">Bencode that has been checked.</param>
    public ErrorCode? PutImmutable(Id160 target, ReadOnlySpan<byte> value, IpAddress source, Id160 own, Instant now)
    {
        if (value.Length > MutableItem.MaxValue)
            return ErrorCode.ValueTooBig;
        if (TryGetStored(target, now, out var held))
            held.Expires = now + s_life;
        else
            Add(target, new Item(value.ToArray(), null, source), own, now);
        return null;
    }

    public ErrorCode? PutMutable(in Message put, IpAddress source, Id160 own, Instant now)
    {
        if (put.Value.Length > MutableItem.MaxValue)
            return ErrorCode.ValueTooBig;
        if (put.Salt.Length > MutableItem.MaxSalt)
            return ErrorCode.SaltTooBig;
        if (put is not { Key: { } key, Sequence: >= 0 and { } sequence })
            return ErrorCode.Protocol;
        var target = MutableItem.TargetOf(key, put.Salt);
        TryGetStored(target, now, out var held);
        // The signature is the dear check, and a repetition needs none.
        if (held?.Mutable is { } same && same.Sequence == sequence && same.Value.Span.SequenceEqual(put.Value)
            && (put.Cas is null || put.Cas == sequence))
        {
            held.Expires = now + s_life;
            return null;
        }
        if (!_verified.TrySpend(now, 1.0 / MostVerified, depth: 2))
            return ErrorCode.Server;
        if (!MutableItem.TryVerify(key, put.Salt, sequence, put.Value, put.Signature, out var item))
            return ErrorCode.InvalidSignature;
        if (held?.Mutable is { } old)
        {
            if (put.Cas is { } expected && expected != old.Sequence)
                return ErrorCode.CasMismatch;
            // Equal numbers with other values: the first stays (BEP 44).
            if (sequence <= old.Sequence)
                return ErrorCode.SequenceTooOld;
            _items.Remove(target);
        }
        Add(target, new Item(item.Value, item, source), own, now);
        return null;
    }

    void Add(Id160 target, Item item, Id160 own, Instant now)
    {
        Sweep(now);
        if (!options.Local && _items.Count(held => held.Value.Source == item.Source) >= MostOfSite)
            _items.Remove(Weakest(own, item.Source));
        else if (_items.Count >= options.MaxItems)
            _items.Remove(Weakest(own, null));
        item.Expires = now + s_life;
        _items[target] = item;
    }

    /// <summary>Farthest by whole bits, then oldest.</summary>
    Id160 Weakest(Id160 own, Site? source)
    {
        (int Shared, Instant Expires, Id160 Target) weakest = (int.MaxValue, Instant.Never, default);
        foreach (var (target, item) in _items)
        {
            if (source is { } site && item.Source != site)
                continue;
            var shared = own.CommonPrefix(target);
            if (shared < weakest.Shared || (shared == weakest.Shared && item.Expires < weakest.Expires))
                weakest = (shared, item.Expires, target);
        }
        return weakest.Target;
    }

    void Sweep(Instant now)
    {
        if (now < _nextSweep)
            return;
        _nextSweep = now + TimeSpan.FromMinutes(5);
        foreach (var (target, item) in _items)
            if (item.Expires <= now)
                _items.Remove(target);
    }

    /// <summary>Something stored; <see cref="Mutable"/> is null for an immutable one.</summary>
    public sealed class Item(ReadOnlyMemory<byte> value, MutableItem? mutable, IpAddress source)
    {
        public ReadOnlyMemory<byte> Value { get; } = value;

        public MutableItem? Mutable { get; } = mutable;

        public Site Source { get; } = Site.Of(source);

        public Instant Expires { get; set; }
    }
}
